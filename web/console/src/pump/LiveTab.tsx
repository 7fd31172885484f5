import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/client';
import type { AlarmRow, PumpRow, Telemetry } from '../api/types';
import type { How } from '../app/useChange';
import { axis as makeAxis, type Gap } from '../chart/strip';
import { StripChart } from '../chart/StripChart';
import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { AlarmMark } from '../ui/Mark';
import { Loading, Trouble } from '../ui/states';
import { serverNow, useClock } from '../units/clock';
import { freshness } from '../units/freshness';
import { forDrawing, milli, millilitres, millilitresPerDay } from '../units/quantity';
import { duration, parseTime, shortStamp, stamp, zone } from '../units/time';
import css from './LiveTab.module.css';
import { MarkLane, MarkList } from './MarkLanes';
import type { Mark } from './marks';
import { useMarks } from './useMarks';
import type { PumpSearch, Span } from './search';
import { spans } from './search';
import { shift, useTelemetry, useWindow, type Window } from './useTelemetry';

const spanWord: Record<Span, string> = { '1h': '1 h', '24h': '24 h', '7d': '7 d', all: 'All' };
const POINTS = 800;

type Change = (part: Partial<PumpSearch>, how?: How) => void;

/** The charts of a pump as strips on one time axis, following the present until someone looks back. */
export default function LiveTab({ row, search, change }: { row: PumpRow; search: PumpSearch; change: Change }) {
  const w = useWindow(search);
  const query = useTelemetry(row.id, w, row.last_data, POINTS);
  const history = useQuery({ queryKey: ['alarms', 'pump', row.id], queryFn: () => api.alarms({ state: 'all', pump: row.id, limit: 200 }), staleTime: 15_000 });
  const marks = useMarks(row.id, w);
  const data = query.data;
  const from = w.span === 'all' && w.live && data?.columns.at.length ? data.columns.at[0]! : w.from;
  const view = { ...w, from };
  return (
    <section aria-label="Charts">
      <div className={css.tools} data-screen>
        <fieldset className={css.spans}>
          <legend className="sr-only">Time range</legend>
          {spans.map((s) => (
            <button key={s} type="button" aria-pressed={w.live && w.span === s} onClick={() => change({ span: s === '24h' ? undefined : s, from: undefined, to: undefined })}>{spanWord[s]}</button>
          ))}
        </fieldset>
        <div className={css.pan}>
          <PanButton name="Earlier" icon="left" to={shift(view, -1, serverNow())} change={change} disabled={w.span === 'all' && w.live} />
          <PanButton name="Later" icon="right" to={w.live ? null : shift(view, 1, serverNow()) ?? { from: undefined, to: undefined }} change={change} disabled={w.live} />
        </div>
        <p className={css.follow} role="status">
          {w.live ? 'Following live' : `${shortStamp(from)} to ${shortStamp(w.to)} ${zone(w.to)}`}
        </p>
        {!w.live && <Button size="compact-sm" onClick={() => change({ from: undefined, to: undefined })}>Back to live</Button>}
        {data && data.resolution !== 'raw' && <span className="label">each point is {duration(data.width_s)}, with its lowest and highest</span>}
      </div>
      {query.isPending && <Loading what="the charts" />}
      {query.isError && !data && <Trouble what="The telemetry" error={query.error} retry={() => void query.refetch()} />}
      {query.isError && data && <p className={css.behind} role="status"><strong>The charts are not current:</strong> the last answer failed. <button type="button" className="link" onClick={() => void query.refetch()}>Try again</button></p>}
      {history.isError && <p className={css.behind} role="status"><strong>The alarms over the charts {history.data ? 'are not current' : 'are missing'}:</strong> they could not be read. <button type="button" className="link" onClick={() => void history.refetch()}>Try again</button></p>}
      {marks.failed.map((f) => <p key={f.what} className={css.behind} role="status"><strong>{f.what} over the charts {f.shown ? 'are not current' : 'are missing'}:</strong> they could not be read. <button type="button" className="link" onClick={f.retry}>Try again</button></p>)}
      {marks.since > from && <p className={css.behind}>Doses and firmware are marked from {stamp(marks.since)} on; the timeline has those before.</p>}
      {!(query.isError && !data) && <Strips row={row} data={data} view={view} alarms={history.data?.items ?? []} marks={marks.all} loading={query.isPending} change={change} />}
    </section>
  );
}

function PanButton({ name, icon, to, change, disabled }: { name: string; icon: 'left' | 'right'; to: { from: string | undefined; to: string | undefined } | null; change: Change; disabled: boolean }) {
  return <button type="button" className={css.panButton} aria-label={name} disabled={disabled || to === null} onClick={() => to && change(to, 'stream')}><Icon name={icon} /></button>;
}

const draw = (c: readonly (string | null)[] | undefined) => (c ?? []).map(forDrawing);
/** Catheter pressure in kPa; 0 is sent by what does not measure it (device/wire, Sample.PressurePa). */
const pressures = (c: readonly (number | null)[] | undefined) => (c ?? []).map((v) => (v ? v / 1000 : null));
const thousandth = (c: readonly (number | null)[] | undefined) => (c ?? []).map((v) => (v === null ? null : v / 1000));

interface StripsProps {
  row: PumpRow;
  data: Telemetry | undefined;
  view: Window;
  alarms: readonly AlarmRow[];
  marks: readonly Mark[];
  loading: boolean;
  change: Change;
}

function Strips({ row, data, view, alarms, marks, loading, change }: StripsProps) {
  const c = data?.columns;
  const gaps = useMemo<Gap[]>(() => (data?.gaps ?? []).flatMap((g) => {
    const from = parseTime(g.from);
    const to = parseTime(g.to);
    return from === null || to === null ? [] : [{ from, to, lost: g.lost }];
  }), [data]);
  const axis = useMemo(() => makeAxis(c?.at ?? [], gaps), [c, gaps]);
  const all = useMemo(() => {
    const rateMin = c?.rate_nl_day_min;
    const rateMax = c?.rate_nl_day_max;
    const tempMin = c?.temperature_mc_min;
    const tempMax = c?.temperature_mc_max;
    return {
      reservoir: { name: 'Reservoir', values: draw(c?.reservoir_nl), text: (i: number) => millilitres(c?.reservoir_nl[i]) },
      rate: { name: 'Rate', values: draw(c?.rate_nl_day), text: (i: number) => millilitresPerDay(c?.rate_nl_day[i]), step: true, min: rateMin && draw(rateMin), max: rateMax && draw(rateMax) },
      battery: { name: 'Battery', values: thousandth(c?.battery_mv), text: (i: number) => milli(c?.battery_mv[i], 3) },
      pressure: { name: 'Catheter pressure', values: pressures(c?.pressure_pa), text: (i: number) => milli(c?.pressure_pa[i] || null, 2), min: c?.pressure_pa_min && pressures(c.pressure_pa_min), max: c?.pressure_pa_max && pressures(c.pressure_pa_max) },
      temperature: { name: 'Temperature', values: thousandth(c?.temperature_mc), text: (i: number) => milli(c?.temperature_mc[i], 1), min: tempMin && thousandth(tempMin), max: tempMax && thousandth(tempMax) },
    };
  }, [c]);
  const capacity = forDrawing(row.reservoir_capacity_nl);
  const low = forDrawing(row.reservoir_low_nl);
  const zoom = (a: number, b: number) => change({ from: String(Math.round(a)), to: String(Math.round(b)) }, 'stream');
  const old = useClock((now) => freshness(row, now) === 'old');
  const shared = { loading, old, axis, gaps, marks, from: view.from, to: view.to, onZoom: zoom };
  return (
    <>
      <div className={css.strips} aria-busy={loading} data-loading={loading || undefined}>
        <AlarmLane alarms={alarms} view={view} />
        <MarkLane name="Doses" marks={marks.filter((m) => m.kind === 'dose')} from={view.from} to={view.to} />
        <MarkLane name="Firmware" marks={marks.filter((m) => m.kind === 'firmware')} from={view.from} to={view.to} />
        <StripChart title="Reservoir" unit="mL" series={all.reservoir} bounds={{ low: 0, ...(capacity === null ? {} : { high: capacity * 1.04 }), span: 1 }} level={low === null ? undefined : { value: low, name: 'low' }} height={176} decimals={0} timeAxis={false} {...shared} />
        <StripChart title="Rate" unit="mL/day" series={all.rate} bounds={{ low: 0, span: 0.1 }} height={120} decimals={2} timeAxis={false} {...shared} />
        {all.pressure.values.some((v) => v !== null) && <StripChart title="Catheter pressure" unit="kPa" series={all.pressure} bounds={{ low: 0, span: 2 }} height={80} decimals={1} timeAxis={false} {...shared} />}
        <StripChart title="Battery" unit="V" series={all.battery} bounds={{ span: 0.2 }} height={80} decimals={2} timeAxis={false} {...shared} />
        <StripChart title="Temperature" unit="°C" series={all.temperature} bounds={{ span: 2 }} height={80} decimals={1} timeAxis {...shared} />
      </div>
      <MarkList pump={row.id} marks={marks} />
    </>
  );
}

/** The alarms of the window above the strips, at their time; one of just now is not cut off at the edge of a sheet. */
function AlarmLane({ alarms, view }: { alarms: readonly AlarmRow[]; view: Window }) {
  const seen = alarms.flatMap((a) => {
    const at = parseTime(a.raised_at);
    return at === null || a.priority === 'info' || at < view.from || at > view.to ? [] : [{ a, at }];
  });
  if (seen.length === 0) return null;
  return (
    <div className={css.laneRow}>
      <span className={css.laneName} aria-hidden>Alarms</span>
      <ul className={css.lane} aria-label="Alarms in this window">
        {seen.map(({ a, at }) => (
          <li key={a.id} style={{ left: `min(${((at - view.from) / (view.to - view.from)) * 100}%, calc(100% - 8px))` }} title={`${a.title}, ${stamp(at)}`}>
            <AlarmMark priority={a.priority} text="" /><span className="sr-only">{a.priority} alarm: {a.title}, {stamp(at)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
