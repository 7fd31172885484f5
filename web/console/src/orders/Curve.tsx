import { useId } from 'react';
import type { DoseProgram } from '../api/orders';
import { forDrawing } from '../units/quantity';
import { DAY, n, rateOf } from './amounts';
import css from './orders.module.css';

const W = 640;
const H = 120;

interface Stretch { from: bigint; to: bigint; rate: bigint }

function stretches(p: DoseProgram): Stretch[] {
  const cycle = n(p.cycle_s);
  if (p.segments.length === 0 || cycle === 0n) return [];
  const all: Stretch[] = [];
  // A short cycle repeats over the day; a long one is drawn whole.
  for (let start = 0n; start < DAY || start === 0n; start += cycle) {
    for (const s of p.segments) all.push({ from: start + n(s.offset_s), to: start + n(s.offset_s) + n(s.duration_s), rate: rateOf(s) });
    if (cycle < 900n || p.mode === 'single') break;
  }
  return all;
}

/** Programs over their day: what is asked for as a line, what runs as a dashed one. Both on one scale. */
export function Curve({ now, was, name }: { now: DoseProgram; was?: DoseProgram | null; name: string }) {
  const id = useId();
  const mine = stretches(now);
  const old = was ? stretches(was) : [];
  if (mine.length === 0) return null;
  const length = Number([...mine, ...old].reduce((m, s) => (s.to > m ? s.to : m), DAY));
  const top = Math.max(...[...mine, ...old].map((s) => forDrawing(s.rate) ?? 0)) * 1.12 || 1;
  const x = (s: bigint) => (Number(s) / length) * W;
  const y = (r: bigint) => H - ((forDrawing(r) ?? 0) / top) * H;
  const line = (all: Stretch[]) => all.map((s, i) => `${i > 0 && all[i - 1]!.to === s.from ? 'L' : 'M'}${x(s.from)} ${y(s.rate)}L${x(s.to)} ${y(s.rate)}`).join('');
  const days = length / 86_400;
  const ticks = days <= 1 ? [0, 6, 12, 18, 24].map((h) => ({ at: BigInt(h * 3600), text: `${String(h).padStart(2, '0')}:00` })) : Array.from({ length: Math.floor(days) + 1 }, (_, d) => ({ at: BigInt(d) * DAY, text: `day ${d + 1}` }));
  return (
    <figure aria-labelledby={id}>
      <figcaption id={id} className={`label ${css.legend}`}><span>{name}</span>{old.length > 0 && <><span>— asked for</span><span>- - runs now</span></>}</figcaption>
      {/* Drawn as wide as there is room; the words stand beside it, so that they keep their size. */}
      <svg className={`${css.curve} ${css.tall}`} viewBox={`0 -6 ${W} ${H + 7}`} preserveAspectRatio="none" aria-hidden focusable="false">
        {ticks.map((t) => <path key={t.text} className={css.hour} d={`M${x(t.at)} 0V${H}`} />)}
        <path className={css.fill} d={mine.map((s) => `M${x(s.from)} ${H}V${y(s.rate)}H${x(s.to)}V${H}Z`).join('')} />
        <path className={css.base} d={`M0 ${H}H${W}`} />
        {old.length > 0 && <path className={css.was} d={line(old)} />}
        <path className={css.now} d={line(mine)} />
      </svg>
      <p className={css.ticks} aria-hidden>{ticks.map((t, i) => <span key={t.text} style={{ left: `${(x(t.at) / W) * 100}%` }} data-end={i === 0 ? 'first' : i === ticks.length - 1 ? 'last' : undefined}>{t.text}</span>)}</p>
    </figure>
  );
}
