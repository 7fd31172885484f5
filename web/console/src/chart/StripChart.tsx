import { useComputedColorScheme } from '@mantine/core';
import { useId, useMemo, useRef, useState } from 'react';
import { usePaper } from '../app/paper';
import { Icon } from '../ui/Icon';
import { clock, shortStamp, zone } from '../units/time';
import { Plot } from './Plot';
import { type Axis, extremes, type Gap, lowestOf, highestOf, roomy } from './strip';
import css from './StripChart.module.css';

export interface StripSeries {
  readonly name: string;
  /** For drawing only. */
  readonly values: readonly (number | null)[];
  readonly min?: readonly (number | null)[] | undefined;
  readonly max?: readonly (number | null)[] | undefined;
  /** The value at a data index as people read it, from the original digits. */
  readonly text: (i: number) => string;
  readonly step?: boolean;
}

export interface Level {
  readonly value: number;
  readonly name: string;
}

/** A moment that explains what a strip shows from then on. */
export interface Moment {
  readonly at: number;
  readonly text: string;
}

interface Props {
  title: string;
  unit: string;
  series: StripSeries;
  axis: Axis;
  gaps: readonly Gap[];
  /** Lines down the strip; the cursor says them where it passes them. */
  marks?: readonly Moment[];
  /** The window in ms. */
  from: number;
  to: number;
  /** Fixed bounds of the value axis; a missing one follows the data, at least `span` wide. */
  bounds: { low?: number; high?: number; span: number };
  /** A level to compare with, such as the low mark. */
  level?: Level | undefined;
  height: number;
  decimals: number;
  /** The last strip of a stack carries the time axis. */
  timeAxis: boolean;
  /** The pump's values are past their limit: the newest one is struck through. */
  old: boolean;
  /** The data are still on their way. */
  loading: boolean;
  onZoom: (fromMs: number, toMs: number) => void;
}

const TABLE_ROWS = 200;
const NONE: readonly Moment[] = [];

/**
 * One strip of a chart recorder: uPlot with what a canvas lacks, that is a name, a summary, an arrow-key cursor that is
 * spoken, and the same data as a table. Strips of one page share their cursor. Holes are hatched, never bridged.
 */
export function StripChart({ title, unit, series, axis, gaps, marks = NONE, from, to, bounds, level, height, decimals, timeAxis, old, loading, onZoom }: Props) {
  const readout = useRef<HTMLSpanElement>(null);
  const [said, setSaid] = useState('');
  const [table, setTable] = useState(false);
  const id = useId();
  const scheme = useComputedColorScheme();
  const paper = usePaper() !== null;
  const ex = useMemo(() => extremes(series.values), [series.values]);
  const [autoLow, autoHigh] = useMemo(
    () => roomy(lowestOf([...(series.min ?? series.values), level?.value ?? null]), highestOf([...(series.max ?? series.values), level?.value ?? null]), bounds.span),
    [series, level?.value, bounds.span],
  );
  const at = (i: number) => `${series.text(i)} ${unit}`;
  const holes = gaps.length === 0 ? '' : ` ${gaps.length} ${gaps.length === 1 ? 'gap' : 'gaps'} without data.`;
  const summary = (ex === null ? (loading ? 'Loading.' : 'No data in this window.') : `Newest ${at(ex.last)} at ${shortStamp(axis.at[axis.index.indexOf(ex.last)]! * 1000)}${old ? ', not current' : ''}, lowest ${at(ex.lowest)}, highest ${at(ex.highest)}.`) + holes;
  return (
    <figure className={css.strip} aria-labelledby={`${id}t`}>
      <figcaption className={css.caption}>
        <span id={`${id}t`} className={css.title}>{title}</span>
        <span className={css.readout} ref={readout} aria-hidden />
        <button type="button" className={css.tableButton} aria-pressed={table} onClick={() => setTable(!table)}>
          <Icon name="table" size={14} /><span>{title} as a table</span>
        </button>
      </figcaption>
      {table
        ? <DataTable title={title} unit={unit} series={series} axis={axis} height={height} />
        // Built anew for another colour scheme, and for paper: a canvas does not follow style sheets.
        : (
          <Plot
            key={paper ? 'paper' : scheme} title={title} describedBy={`${id}s`} unit={unit} series={series} axis={axis} gaps={gaps} marks={marks} from={from} to={to}
            low={bounds.low ?? autoLow} high={bounds.high ?? autoHigh} level={level} newest={ex?.last ?? null} old={old} height={height} decimals={decimals}
            timeAxis={timeAxis} emptyText={loading ? 'Loading…' : 'No data in this window'} readout={readout} onSay={setSaid} onZoom={onZoom}
          />
        )}
      <p id={`${id}s`} className="sr-only">{summary}</p>
      <div role="status" className="sr-only">{said}</div>
    </figure>
  );
}

function DataTable({ title, unit, series, axis, height }: { title: string; unit: string; series: StripSeries; axis: Axis; height: number }) {
  const rows = axis.index.map((i, k) => ({ i, ms: axis.at[k]! * 1000 })).filter((r) => r.i >= 0).toReversed();
  return (
    <div className={css.tableBox} style={{ maxHeight: Math.max(192, height) }} role="region" aria-label={`${title}, table`} tabIndex={0}>
      <table>
        <caption>{title}, newest first{rows.length > TABLE_ROWS ? `, ${TABLE_ROWS} of ${rows.length}` : ''}. Times in {zone()}.</caption>
        <thead><tr><th scope="col">Time</th><th scope="col">{title} ({unit})</th></tr></thead>
        <tbody>{rows.slice(0, TABLE_ROWS).map((r) => <tr key={r.ms}><th scope="row">{shortStamp(r.ms)}:{clock(r.ms).slice(6)}</th><td>{series.text(r.i)}</td></tr>)}</tbody>
      </table>
    </div>
  );
}
