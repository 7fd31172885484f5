import type { PumpRow } from '../api/types';
import { parseDigits } from '../units/quantity';
import { parseTime } from '../units/time';

/** What the numbers of a reservoir mean: as fleet/overview of the server has it, and tested on the same rows. */

/** What is left of the capacity, in whole percent, rounded down; null if that is not known. */
export function fill(r: PumpRow): bigint | null {
  const volume = parseDigits(r.reservoir_nl);
  const capacity = parseDigits(r.reservoir_capacity_nl);
  if (volume === null || capacity === null || capacity <= 0n || volume < 0n || volume > capacity * 10n) return null;
  return (volume * 100n) / capacity;
}

/** Whether the reservoir is at or below its low mark; '' if that is not known. */
export function level(r: PumpRow): string {
  const volume = parseDigits(r.reservoir_nl);
  const low = parseDigits(r.reservoir_low_nl);
  if (volume === null || low === null || low <= 0n) return '';
  return volume <= low ? 'low' : 'ok';
}

const DAY_S = 86_400n;
/** Beyond every date that means something: a hundred years. */
const FARTHEST_S = 100n * 366n * DAY_S;

/**
 * When the program brings the reservoir to the low mark, without patient boluses, counted on from the last values; when those
 * came, if it is there already. Milliseconds; null if that is not known.
 */
export function lowAt(r: PumpRow): number | null {
  const volume = parseDigits(r.reservoir_nl);
  const low = parseDigits(r.reservoir_low_nl);
  const use = parseDigits(r.use_nl_day);
  const since = parseTime(r.last_data);
  if (volume === null || low === null || use === null || since === null || low <= 0n || use <= 0n || fill(r) === null) return null;
  const seconds = volume <= low ? 0n : ((volume - low) * DAY_S) / use;
  return seconds > FARTHEST_S ? null : since + Number(seconds) * 1000;
}
