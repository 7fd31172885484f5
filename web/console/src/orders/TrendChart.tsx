import { type KeyboardEvent, type PointerEvent, useId, useState } from 'react';
import type { Trend, TrendDay } from '../api/orders';
import { forDrawing } from '../units/quantity';
import { given, levels, lineText, type Of, sayDay, scale, shortName, summary } from './deliveries';
import css from './Trend.module.css';

const DAY = 10;
const H = 120;

/**
 * Days as bars, what the program gives as a line with its steps marked. A day of which nothing is known is hatched over its whole
 * height; one that is known in part is drawn hollow. Arrow keys and the pointer move through the days, and say what is there.
 */
export function TrendChart({ of, trend: t }: { of: Of; trend: Trend }) {
  const id = useId();
  const [at, setAt] = useState<number | null>(null);
  const [said, setSaid] = useState('');
  const W = t.days.length * DAY;
  const line = levels(t, of);
  const values = t.days.map((d) => given(d, of));
  const { top, lines } = scale([...values, ...line.map((l) => l.value)].reduce<bigint>((m, v) => (v !== null && v > m ? v : m), 0n));
  const y = (v: bigint) => H - ((forDrawing(v) ?? 0) / (forDrawing(top) || 1)) * H;
  const x = (ms: number) => xOf(t.days, ms);
  const path = line.map((l, i) => `${i === 0 ? 'M' : 'L'}${x(l.from)} ${y(l.value)}L${x(l.to)} ${y(l.value)}`).join('');
  const marks = t.steps.filter((s) => of.code === null || s.changes.some((c) => c.code === of.code));
  const hole = t.days.map((d, i) => d.coverage !== 'running' && values[i] === null);
  const go = (want: number) => {
    const i = Math.max(0, Math.min(t.days.length - 1, want));
    setAt(i);
    setSaid(sayDay(t.days[i]!, of, t.time_zone));
  };
  const key = (e: KeyboardEvent) => {
    const here = at ?? t.days.length;
    const want = { ArrowLeft: here - 1, ArrowRight: here + 1, PageUp: here - 7, PageDown: here + 7, Home: 0, End: t.days.length - 1 }[e.key];
    if (e.key === 'Escape') setAt(null);
    if (want === undefined) return;
    e.preventDefault();
    go(want);
  };
  const point = (e: PointerEvent<HTMLDivElement>) => {
    const box = e.currentTarget.getBoundingClientRect();
    setAt(Math.max(0, Math.min(t.days.length - 1, Math.floor(((e.clientX - box.left) / box.width) * t.days.length))));
  };
  return (
    <>
      <p className={css.readout} aria-hidden>{sayDay(t.days[at ?? t.days.length - 1]!, of, t.time_zone)}</p>
      <div className={css.frame}>
        <div className={css.scale} aria-hidden>
          {lines.map((v) => <span key={v.toString()} style={{ top: `${(y(v) / H) * 100}%` }}>{lineText(of, v)}</span>)}
          <span style={{ top: '100%' }}>0</span>
        </div>
        {/* The arrows mean the days, not the page: that is what the role says, and why it takes keys. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
        <div
          className={css.plot} role="application" aria-roledescription="chart" tabIndex={0} onKeyDown={key} onPointerMove={point} onPointerLeave={() => setAt(null)}
          aria-label={`${of.name} day by day, chart. Arrow keys move through the days.`} aria-describedby={`${id}s`}
        >
          <svg className={css.chart} viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" aria-hidden focusable="false">
            <defs><clipPath id={`${id}c`}>{hole.map((h, i) => h && <rect key={t.days[i]!.date} x={i * DAY} y={0} width={DAY} height={H} />)}</clipPath></defs>
            {lines.map((v) => <path key={v.toString()} className={css.rule} d={`M0 ${y(v)}H${W}`} />)}
            <path className={css.hatch} clipPath={`url(#${id}c)`} d={hatching(W)} />
            {at !== null && <rect className={css.under} x={at * DAY} y={0} width={DAY} height={H} />}
            {t.days.map((d, i) => values[i] !== null && values[i] !== undefined && <rect key={d.date} className={css.bar} data-coverage={d.coverage} x={i * DAY + 1.5} y={y(values[i])} width={DAY - 3} height={H - y(values[i])} />)}
            <path className={css.base} d={`M0 ${H}H${W}`} />
            {line.length > 0 && <path className={css.level} d={path} />}
            {marks.map((s) => <path key={s.at} className={css.step} d={`M${x(Date.parse(s.at))} 0V${H}`} />)}
          </svg>
          {marks.map((s) => <span key={s.at} className={css.mark} style={{ left: `${(x(Date.parse(s.at)) / W) * 100}%` }} aria-hidden>◆</span>)}
          {runs(hole).map(([from, to]) => to - from >= 5 && <span key={from} className={css.word} style={{ left: `${(((from + to) / 2) * 100) / t.days.length}%` }} aria-hidden>not known</span>)}
        </div>
        <p className={css.days} aria-hidden>
          {t.days.map((d, i) => (t.days.length - 1 - i) % 7 === 0 && <span key={d.date} data-last={i === t.days.length - 1 || undefined} style={{ left: `${((i + 0.5) / t.days.length) * 100}%` }}>{i === t.days.length - 1 ? 'today' : shortName(d)}</span>)}
        </p>
      </div>
      <p className={css.legend}>
        <span><i className={css.keyBar} aria-hidden />{of.code === null ? 'delivered' : 'left the reservoir'}</span>
        <span><i className={css.keyBar} data-part aria-hidden />not all of the day</span>
        {hole.some(Boolean) && <span><i className={css.keyHatch} aria-hidden />not known</span>}
        {line.length > 0 && <span><i className={css.keyLine} aria-hidden />by the program, without patient boluses</span>}
        {marks.length > 0 && <span><span aria-hidden>◆</span> step</span>}
      </p>
      <p id={`${id}s`} className="sr-only">{summary(t, of)}</p>
      <div role="status" className="sr-only">{said}</div>
    </>
  );
}

/** A moment on the axis: each day is as wide as another, also the one of 25 hours. */
function xOf(days: readonly TrendDay[], ms: number): number {
  const i = days.findIndex((d) => ms < Date.parse(d.to));
  if (i < 0) return days.length * DAY;
  const from = Date.parse(days[i]!.from);
  return (i + Math.max(0, Math.min(1, (ms - from) / (Date.parse(days[i]!.to) - from)))) * DAY;
}

const hatching = (width: number) => Array.from({ length: Math.ceil(width / 4) + 8 }, (_, i) => `M${i * 4 - 24} ${H}L${i * 4} 0`).join('');

/** Runs of true as [from, to). */
function runs(all: readonly boolean[]): [number, number][] {
  const out: [number, number][] = [];
  all.forEach((h, i) => {
    const last = out.at(-1);
    if (h && last && last[1] === i) last[1] = i + 1;
    else if (h) out.push([i, i + 1]);
  });
  return out;
}
