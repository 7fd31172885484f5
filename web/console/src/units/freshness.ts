import type { PumpRow } from '../api/types';
import { parseTime } from './time';

/**
 * How far a pump's last reading can be trusted.
 * fresh: shown as it is. aged: shown with its age. old: older than its limit, struck through, with its age.
 */
export type Freshness = 'fresh' | 'aged' | 'old' | 'none';

const AGED_MS = 2 * 60_000;

/** The limit is the server's judgement by profile and drug, which is the presence; on top of it nothing older than a day stands unstruck. */
const OLD_MS = 24 * 3_600_000;

export function freshness(row: Pick<PumpRow, 'presence' | 'last_data'>, now: number): Freshness {
  const at = parseTime(row.last_data);
  if (at === null) return 'none';
  const age = now - at;
  if (row.presence !== 'online' || age > OLD_MS) return 'old';
  return age > AGED_MS ? 'aged' : 'fresh';
}
