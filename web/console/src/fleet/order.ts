import type { Presence, PumpRow, RunState } from '../api/types';
import { parseDigits } from '../units/quantity';
import { parseTime } from '../units/time';
import { lowAt } from './level';
import { natural } from './natural';
import type { Sort, SortKey } from './search';

const presenceRank: Record<Presence, number> = { offline: 0, stale: 1, unknown: 2, never: 3, online: 4 };
const runRank: Record<RunState, number> = { stopped: 0, minimum: 1, bridge: 2, priming: 3, bolus: 4, infusing: 5 };

const severity = (r: PumpRow) => (r.alarms.high > 0 ? 0 : r.alarms.medium > 0 ? 1 : r.alarms.low > 0 ? 2 : 3);

/** What a row is sorted by; null is unknown and goes last. Worked out once per row, not once per comparison. */
type Key = number | bigint | string | null;

function keyOf(key: SortKey, siteName: (id: string) => string): (row: PumpRow) => Key {
  switch (key) {
    case 'pump': return () => 0;
    case 'patient': return (r) => r.patient;
    case 'site': return (r) => siteName(r.site);
    case 'model': return (r) => r.model;
    case 'presence': return (r) => presenceRank[r.presence];
    case 'run': return (r) => (r.run === null ? null : runRank[r.run]);
    case 'rate': return (r) => parseDigits(r.rate_nl_day);
    case 'reservoir': return (r) => parseDigits(r.reservoir_nl);
    case 'battery': return (r) => r.battery_pct;
    case 'alarms': return (r) => severity(r) * 10 + presenceRank[r.presence];
    // Longest silence first.
    case 'heard': return (r) => parseTime(r.last_heard);
    case 'firmware': return (r) => r.firmware;
    case 'status': return (r) => r.status;
    case 'data': return (r) => parseTime(r.last_data);
    case 'library': return (r) => r.library;
    case 'sync': return (r) => (r.documents === null ? null : r.documents === 'behind' ? 0 : 1);
    case 'link': return (r) => r.link || null;
    case 'quality': return (r) => (r.link_quality === null ? null : ['poor', 'fair', 'good'].indexOf(r.link_quality));
    case 'gaps': return (r) => r.gaps_open;
    case 'low_in': return lowAt;
    case 'cert': return (r) => parseTime(r.cert_ends);
    case 'tags': return (r) => r.tags.join(' ') || null;
  }
}

function compareKeys(a: Key, b: Key): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  if (typeof a === 'string' && typeof b === 'string') return natural(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The place of every row by serial number, in the order that people count in. It only changes when rows come or go. */
export function rankBySerial(rows: Iterable<PumpRow>): ReadonlyMap<string, number> {
  return new Map([...rows].toSorted((a, b) => natural(a.serial, b.serial) || natural(a.id, b.id)).map((r, i) => [r.id, i]));
}

/** The ids of the matching rows in order. Ties go by serial, so that the order never depends on arrival. */
export function orderRows(rows: Iterable<PumpRow>, match: (row: PumpRow) => boolean, sort: Sort, siteName: (id: string) => string, rank: ReadonlyMap<string, number>): string[] {
  const key = keyOf(sort.key, siteName);
  const sign = sort.descending ? -1 : 1;
  const tie = sort.key === 'pump' ? sign : 1;
  const keyed: { id: string; key: Key; rank: number }[] = [];
  for (const row of rows) if (match(row)) keyed.push({ id: row.id, key: key(row), rank: rank.get(row.id) ?? 0 });
  // Unknown stays last in both directions.
  const compare = (a: Key, b: Key) => (a === null || b === null ? compareKeys(a, b) : sign * compareKeys(a, b));
  return keyed.toSorted((a, b) => compare(a.key, b.key) || tie * (a.rank - b.rank)).map((k) => k.id);
}

/**
 * How many rows would have to move to get from the shown order to the wanted one: those that come, those that go, and the
 * fewest of the others (all but the longest run that is already in order).
 */
export function moves(shown: readonly string[], wanted: readonly string[]): number {
  const at = new Map(wanted.map((id, i) => [id, i]));
  const kept = shown.map((id) => at.get(id)).filter((i): i is number => i !== undefined);
  const tails: number[] = [];
  for (const i of kept) {
    let lo = 0;
    let hi = tails.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (tails[mid]! < i) lo = mid + 1;
      else hi = mid;
    }
    tails[lo] = i;
  }
  return (shown.length - kept.length) + (wanted.length - kept.length) + (kept.length - tails.length);
}

export const sameOrder = (a: readonly string[], b: readonly string[]) => a.length === b.length && a.every((id, i) => id === b[i]);
