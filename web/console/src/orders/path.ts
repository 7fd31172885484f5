import type { Dose, Report } from '../api/orders';
import { n } from './amounts';

/** What a dose is a day at its pace, in nL, rounded down. */
export const daily = (d: Dose): bigint => (n(d.volume_nl) * 86_400n) / n(d.duration_s);

/** Seconds, rounded up, until the path holds what the reservoir does, while the bridge runs as it did; null if no bridge runs or waits. */
export function cleared(r: Pick<Report, 'path' | 'pace'>): bigint | null {
  const last = r.path?.at(-1);
  if (!last || !r.pace) return null;
  const volume = n(r.pace.volume_nl);
  return volume === 0n ? null : (n(last.left_nl) * n(r.pace.duration_s) + volume - 1n) / volume;
}
