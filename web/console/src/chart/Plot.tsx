import { type KeyboardEvent, type RefObject, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock, shortDay } from '../units/time';
import { drawGaps, drawLevel, drawMoments, hatching, tickNames } from './draw';
import { reading } from './readout';
import { type Axis, type Gap, nearest, onAxis, passed, timeTicks } from './strip';
import type { Level, Moment, StripSeries } from './StripChart';
import css from './StripChart.module.css';

interface Props {
  title: string;
  describedBy: string;
  unit: string;
  series: StripSeries;
  axis: Axis;
  gaps: readonly Gap[];
  marks: readonly Moment[];
  from: number;
  to: number;
  low: number;
  high: number;
  level: Level | undefined;
  /** Data index of the newest value, null when there is none. */
  newest: number | null;
  /** The values are past their limit. */
  old: boolean;
  height: number;
  decimals: number;
  timeAxis: boolean;
  /** What stands over an empty strip. */
  emptyText: string;
  readout: RefObject<HTMLSpanElement | null>;
  onSay: (text: string) => void;
  onZoom: (fromMs: number, toMs: number) => void;
}

const GUTTER = 56;

/** What the drawing hooks of the canvas look at: always the newest props, without building the canvas anew. */
type Drawn = Pick<Props, 'series' | 'axis' | 'gaps' | 'marks' | 'from' | 'to' | 'low' | 'high' | 'level' | 'newest' | 'old' | 'onZoom'>;

/** The canvas of a strip. Arrow keys, page keys, Home and End move its cursor and say what is there. */
export function Plot(props: Props) {
  const { title, describedBy, unit, series, axis, gaps, marks, from, to, low, high, level, newest, old, height, decimals, timeAxis, emptyText, readout, onSay, onZoom } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const drawn = useRef<Drawn>({ series, axis, gaps, marks, from, to, low, high, level, newest, old, onZoom });
  const stepped = series.step === true;
  const banded = series.min !== undefined && series.max !== undefined;
  const fullHeight = height + (timeAxis ? 24 : 0);

  useEffect(() => {
    const el = box.current!;
    const color = (name: string) => getComputedStyle(el).getPropertyValue(name).trim();
    const ink = color('--c-ink');
    const ink2 = color('--c-ink-2');
    const hair = color('--c-hair');
    const hair2 = color('--c-hair-2');
    const font = `12px ${getComputedStyle(el).fontFamily}`;
    const hatch = hatching(hair2);
    const shape: uPlot.Series = { points: { show: false }, ...(stepped ? { paths: uPlot.paths.stepped!({ align: 1 }) } : {}) };
    const unseen: uPlot.Series = { ...shape, stroke: 'transparent' };
    const line: uPlot.Series = { ...shape, stroke: ink, width: 1.5 };
    const u = new uPlot({
      width: el.clientWidth, height: fullHeight, padding: [8, 8, timeAxis ? 0 : 8, 0], legend: { show: false },
      cursor: {
        sync: { key: 'strips' },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7, fill: ink, stroke: color('--c-paper'), width: 2 },
      },
      scales: {
        x: { time: true, range: () => [drawn.current.from / 1000, drawn.current.to / 1000] },
        y: { range: () => [drawn.current.low, drawn.current.high] },
      },
      series: banded ? [{}, unseen, unseen, line] : [{}, line],
      ...(banded ? { bands: [{ series: [2, 1] as [number, number], fill: hair2 }] } : {}),
      axes: [
        {
          size: timeAxis ? 24 : 0, stroke: ink2, font, gap: 4,
          border: { show: timeAxis, stroke: hair2, width: 1 }, grid: { stroke: hair, width: 1 }, ticks: { show: timeAxis, stroke: hair2, width: 1, size: 4 },
          splits: (self, _axis, lo, hi) => timeTicks(lo, hi, Math.max(2, Math.floor(self.width / 96))),
          values: (_self, ticks) => (timeAxis ? tickNames(ticks) : ticks.map(() => '')),
        },
        {
          size: GUTTER, stroke: ink2, font, gap: 8, grid: { stroke: hair, width: 1 }, ticks: { show: false }, space: 28,
          values: (_self, ticks) => ticks.map((v) => v.toFixed(decimals)),
        },
      ],
      hooks: {
        drawClear: [(self) => drawGaps(self, drawn.current.gaps, hatch, ink2, font)],
        draw: [(self) => {
          drawLevel(self, drawn.current.level, ink2, font);
          drawMoments(self, drawn.current.marks, ink2);
        }],
        setCursor: [(self) => {
          const d = drawn.current;
          const k = self.cursor.idx === null || self.cursor.idx === undefined || (self.cursor.left ?? -1) < 0 ? -1 : nearest(d.axis, self.cursor.idx);
          show(readout.current, d, k, unit);
        }],
        setSelect: [(self) => {
          const { left, width } = self.select;
          if (width < 4) return;
          drawn.current.onZoom(self.posToVal(left, 'x') * 1000, self.posToVal(left + width, 'x') * 1000);
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
      },
    }, (banded ? [[], [], [], []] : [[], []]) as uPlot.AlignedData, el);
    plot.current = u;
    const resize = new ResizeObserver(() => {
      if (el.clientWidth > 0) u.setSize({ width: el.clientWidth, height: fullHeight });
    });
    resize.observe(el);
    return () => {
      resize.disconnect();
      u.destroy();
      plot.current = null;
    };
  }, [fullHeight, timeAxis, banded, stepped, decimals, unit, readout]);

  useEffect(() => {
    const u = plot.current!;
    drawn.current = { series, axis, gaps, marks, from, to, low, high, level, newest, old, onZoom };
    // The line last, so that it lies on its band.
    const band = banded ? [onAxis(axis, series.min!), onAxis(axis, series.max!)] : [];
    u.setData([axis.at, ...band, onAxis(axis, series.values)] as uPlot.AlignedData, true);
    if ((u.cursor.left ?? -1) < 0) show(readout.current, drawn.current, -1, unit);
  }, [series, axis, gaps, marks, from, to, low, high, level, newest, old, onZoom, banded, unit, readout]);

  const key = (e: KeyboardEvent) => {
    const u = plot.current;
    const n = axis.at.length;
    if (!u || n === 0) return;
    const here = (u.cursor.left ?? -1) < 0 ? n : u.cursor.idx ?? n;
    const want = e.key === 'ArrowLeft' ? here - 1 : e.key === 'ArrowRight' ? here + 1 : e.key === 'PageUp' ? here - 60 : e.key === 'PageDown' ? here + 60
      : e.key === 'Home' ? 0 : e.key === 'End' ? n - 1 : null;
    if (want === null) return;
    e.preventDefault();
    let i = Math.max(0, Math.min(n - 1, want));
    // Over holes in the direction of the key.
    const d = want < here ? -1 : 1;
    while ((axis.index[i] ?? 0) < 0 && axis.index[i + d] !== undefined) i += d;
    u.setCursor({ left: u.valToPos(axis.at[i]!, 'x'), top: u.over.clientHeight / 3 }, true);
    onSay([`${clock(axis.at[i]! * 1000)}: ${series.text(axis.index[i]!)} ${unit}`, ...passed(axis, i, marks).map((m) => m.text)].join('. '));
  };

  return (
    // The arrows mean the data, not the page: that is what the role says, and why it takes keys.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={box} className={css.plot} style={{ height: fullHeight }} role="application" aria-roledescription="chart" tabIndex={0} onKeyDown={key}
      aria-label={`${title} chart. Arrow keys move through the data.`} aria-describedby={describedBy} data-empty={newest === null ? emptyText : undefined}
    />
  );
}

/** Writes the readout without a render: it follows the pointer. */
function show(el: HTMLSpanElement | null, d: Drawn, position: number, unit: string) {
  if (!el) return;
  if (position < 0) {
    const k = d.newest === null ? -1 : d.axis.index.indexOf(d.newest);
    if (k < 0) el.replaceChildren();
    else el.replaceChildren(...reading(`${d.series.text(d.newest!)} ${unit}`, d.axis.at[k]! * 1000, d.old));
  } else {
    const ms = d.axis.at[position]! * 1000;
    el.textContent = `${d.series.text(d.axis.index[position]!)} ${unit}  at ${shortDay(ms)} ${clock(ms)}`;
  }
  el.toggleAttribute('data-cursor', position >= 0);
}
