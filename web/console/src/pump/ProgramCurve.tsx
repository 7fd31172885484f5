import { useId } from 'react';
import type { Program } from '../api/types';
import { forDrawing, millilitres, millilitresPerDay } from '../units/quantity';
import { duration } from '../units/time';
import { cycleLength, cycleVolume, steps, timeOfCycle } from './program';
import css from './ProgramCurve.module.css';

const W = 288;
const H = 72;

/** A program as the curve of its cycle, most often 24 hours, by the pump's own clock. */
export function ProgramCurve({ program }: { program: Program }) {
  const id = useId();
  const all = steps(program.segments);
  if (all.length === 0) return null;
  const length = cycleLength(program.cycle_s, all);
  const top = Math.max(...all.map((s) => forDrawing(s.rate) ?? 0)) * 1.15 || 1;
  const x = (s: number) => (s / length) * W;
  const y = (rate: bigint) => H - ((forDrawing(rate) ?? 0) / top) * H;
  const line = all.map((s, i) => `${all[i - 1]?.to === s.from ? 'L' : 'M'}${x(s.from)} ${y(s.rate)}L${x(s.to)} ${y(s.rate)}`).join('');
  const fill = all.map((s) => `M${x(s.from)} ${H}V${y(s.rate)}H${x(s.to)}V${H}Z`).join('');
  const days = length / 86_400;
  const ticks = days <= 1 ? [0, 6, 12, 18, 24].map((h) => ({ at: h * 3600, name: String(h).padStart(2, '0') })) : Array.from({ length: Math.floor(days) + 1 }, (_, d) => ({ at: d * 86_400, name: d === 0 ? 'day' : String(d) }));
  return (
    <figure aria-labelledby={id}>
      <figcaption id={id} className={css.caption}>
        <span className="label">{program.mode.replaceAll('_', ' ')}, by the pump's clock</span>
        <span>{millilitres(cycleVolume(all), 3)}<span className="unit">mL in {days === 1 ? '24 h' : duration(length)}</span></span>
      </figcaption>
      <svg className={css.curve} viewBox={`0 -4 ${W} ${H + 22}`} aria-hidden focusable="false">
        {ticks.map((t, i) => (
          <g key={t.at}>
            <path className={css.hour} d={`M${x(t.at)} 0V${H}`} />
            <text className={css.num} x={x(t.at)} y={H + 14} textAnchor={i === 0 ? 'start' : i === ticks.length - 1 ? 'end' : 'middle'}>{t.name}</text>
          </g>
        ))}
        <path className={css.fill} d={fill} />
        <path className={css.base} d={`M0 ${H}H${W}`} />
        <path className={css.line} d={line} />
      </svg>
      {all.length > 1 && (
        <div className={css.scroll} role="region" aria-label="Segments of the program" tabIndex={0}>
          <table className={css.table}>
            <thead className="sr-only"><tr><th scope="col">Time by the pump's clock</th><th scope="col">Rate</th></tr></thead>
            <tbody>
              {all.map((s) => (
                <tr key={s.from}>
                  <th scope="row">{timeOfCycle(s.from, length)}–{timeOfCycle(s.to, length)}</th>
                  <td>{millilitresPerDay(s.rate)}<span className="unit">mL/day</span></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </figure>
  );
}
