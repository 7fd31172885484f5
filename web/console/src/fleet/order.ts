import type { Presence, PumpRow, RunState } from '../api/types';
import { compareDigits } from '../units/quantity';
import type { Sort, SortKey } from './search';

const presenceRank: Record<Presence, number> = { offline: 0, stale: 1, unknown: 2, never: 3, online: 4 };
const runRank: Record<RunState, number> = { stopped: 0, minimum: 1, bridge: 2, priming: 3, bolus: 4, infusing: 5 };

const text = (a: string | null, b: string | null) => (a === null || b === null ? Number(a === null) - Number(b === null) : a.localeCompare(b, 'en', { numeric: true }));
const number = (a: number | null, b: number | null) => (a === null || b === null ? Number(a === null) - Number(b === null) : a - b);
const severity = (r: PumpRow) => (r.alarms.high > 0 ? 0 : r.alarms.medium > 0 ? 1 : r.alarms.low > 0 ? 2 : 3);

type Compare = (a: PumpRow, b: PumpRow) => number;

function comparison(key: SortKey, siteName: (id: string) => string): Compare {
  switch (key) {
    case 'pump': return (a, b) => text(a.serial, b.serial);
    case 'site': return (a, b) => text(siteName(a.site), siteName(b.site));
    case 'model': return (a, b) => text(a.model, b.model);
    case 'presence': return (a, b) => presenceRank[a.presence] - presenceRank[b.presence] || text(a.presence_since, b.presence_since);
    case 'run': return (a, b) => (a.run === null ? 9 : runRank[a.run]) - (b.run === null ? 9 : runRank[b.run]);
    case 'rate': return (a, b) => compareDigits(a.rate_nl_day, b.rate_nl_day);
    case 'reservoir': return (a, b) => compareDigits(a.reservoir_nl, b.reservoir_nl);
    case 'battery': return (a, b) => number(a.battery_pct, b.battery_pct);
    case 'alarms': return (a, b) => severity(a) - severity(b) || presenceRank[a.presence] - presenceRank[b.presence];
    // Longest silence first.
    case 'heard': return (a, b) => text(a.last_heard, b.last_heard);
    case 'firmware': return (a, b) => text(a.firmware, b.firmware);
  }
}

/** The ids of the matching rows in order. Ties go by serial, so that the order never depends on arrival. */
export function orderRows(rows: Iterable<PumpRow>, match: (row: PumpRow) => boolean, sort: Sort, siteName: (id: string) => string): string[] {
  const compare = comparison(sort.key, siteName);
  const sign = sort.descending ? -1 : 1;
  return [...rows].filter(match).toSorted((a, b) => sign * compare(a, b) || text(a.serial, b.serial) || text(a.id, b.id)).map((r) => r.id);
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
