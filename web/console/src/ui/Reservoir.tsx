import { percentOf } from '../units/quantity';
import css from './Reservoir.module.css';

interface Props {
  volume: string | null;
  capacity: string | null;
  low: string | null;
  /** The value is older than its limit: the vessel is drawn empty-handed, with a broken level. */
  old?: boolean;
}

/** A reservoir as a reservoir, small: open vessel, level, low mark. Always beside its number, so hidden from readers. */
export function Reservoir({ volume, capacity, low, old = false }: Props) {
  const level = percentOf(volume, capacity);
  const mark = percentOf(low, capacity);
  const top = (share: number) => 25 - (share / 100) * 22;
  return (
    <svg className={css.small} viewBox="0 0 20 28" width="20" height="28" aria-hidden focusable="false" data-old={old || undefined}>
      {level !== null && level > 0 && (
        <>
          <path className={css.fluid} d={`M3 ${top(level)}H17V23.5a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 3 23.5z`} />
          <path className={css.level} d={`M3 ${top(level)}H17`} />
        </>
      )}
      <path className={css.wall} d="M2.5 2v21.5a2 2 0 0 0 2 2h11a2 2 0 0 0 2-2V2" />
      {mark !== null && <path className={css.low} d={`M13 ${top(mark)}h6.5`} />}
    </svg>
  );
}

/** The same vessel, large, with graduations in mL. */
export function ReservoirGauge({ volume, capacity, low, old = false }: Props) {
  const level = percentOf(volume, capacity);
  const mark = percentOf(low, capacity);
  const full = capacity === null ? null : Number(BigInt(capacity) / 1_000_000n);
  const H = 112;
  const y = (share: number) => 118 - (share / 100) * H;
  const step = full === null ? 0 : full > 25 ? 10 : 5;
  const grads = full === null ? [] : Array.from({ length: Math.floor(full / step) + 1 }, (_, i) => i * step);
  return (
    <svg className={css.large} viewBox="0 0 112 128" width="112" height="128" aria-hidden focusable="false" data-old={old || undefined}>
      {level !== null && level > 0 && (
        <>
          <path className={css.fluid} d={`M9 ${y(level)}H71V112a6 6 0 0 1-6 6H15a6 6 0 0 1-6-6z`} />
          <path className={css.level} d={`M9 ${y(level)}H71`} />
        </>
      )}
      <path className={css.wall} d="M8.5 4v108.5a6 6 0 0 0 6 6h51a6 6 0 0 0 6-6V4" />
      {grads.map((g) => (
        <g key={g}>
          <path className={css.grad} d={`M${72} ${y((g / full!) * 100)}h5`} />
          <text x="81" y={y((g / full!) * 100) + 4} className={css.num}>{g}</text>
        </g>
      ))}
      {mark !== null && (
        <>
          <path className={css.low} d={`M9 ${y(mark)}H71`} />
          <text x="13" y={y(mark) - 4} className={css.num}>low</text>
        </>
      )}
    </svg>
  );
}
