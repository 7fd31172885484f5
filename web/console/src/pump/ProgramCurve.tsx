import { useId } from 'react';
import { forDrawing, millilitres, millilitresPerDay } from '../units/quantity';
import { dailyVolume, type Segment, steps, timeOfDay } from './program';
import css from './ProgramCurve.module.css';

const W = 288;
const H = 72;

/** A program as the curve of its day: rate over 24 hours of the pump's own clock. */
export function ProgramCurve({ segments, mode }: { segments: readonly Segment[]; mode: string }) {
  const id = useId();
  const all = steps(segments);
  if (all.length === 0) return null;
  const top = Math.max(...all.map((s) => forDrawing(s.rate) ?? 0)) * 1.15 || 1;
  const x = (s: number) => (s / 86_400) * W;
  const y = (rate: bigint) => H - ((forDrawing(rate) ?? 0) / top) * H;
  let line = '';
  for (const [i, s] of all.entries()) {
    const joined = i > 0 && all[i - 1]!.to === s.from;
    line += joined ? `L${x(s.from)} ${y(s.rate)}` : `M${x(s.from)} ${y(s.rate)}`;
    line += `L${x(s.to)} ${y(s.rate)}`;
  }
  const fill = all.map((s) => `M${x(s.from)} ${H}V${y(s.rate)}H${x(s.to)}V${H}Z`).join('');
  return (
    <figure aria-labelledby={id}>
      <figcaption id={id} className={css.caption}>
        <span className="label">{mode}, by the pump's clock</span>
        <span>{millilitres(dailyVolume(all), 3)}<span className="unit">mL in 24 h</span></span>
      </figcaption>
      <svg className={css.curve} viewBox={`0 -4 ${W} ${H + 22}`} aria-hidden focusable="false">
        {[0, 6, 12, 18, 24].map((h) => (
          <g key={h}>
            <path className={css.hour} d={`M${(h / 24) * W} 0V${H}`} />
            <text className={css.num} x={(h / 24) * W} y={H + 14} textAnchor={h === 0 ? 'start' : h === 24 ? 'end' : 'middle'}>{String(h).padStart(2, '0')}</text>
          </g>
        ))}
        <path className={css.fill} d={fill} />
        <path className={css.base} d={`M0 ${H}H${W}`} />
        <path className={css.line} d={line} />
      </svg>
      {all.length > 1 && (
        <table className={css.table}>
          <caption className="sr-only">Segments of the program</caption>
          <thead className="sr-only"><tr><th scope="col">Time of the pump's day</th><th scope="col">Rate</th></tr></thead>
          <tbody>
            {all.map((s) => (
              <tr key={s.from}>
                <th scope="row">{timeOfDay(s.from)}–{timeOfDay(s.to)}</th>
                <td>{millilitresPerDay(s.rate)}<span className="unit">mL/day</span></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </figure>
  );
}
