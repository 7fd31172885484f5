import { expect, test } from 'vitest';
import { freshness } from './freshness';
import { age, ago, duration, parseTime, stamp, zone } from './time';

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

test.each([
  [-5 * S, 'now'], [0, 'now'], [1.4 * S, 'now'], [2 * S, '2 s'], [59.9 * S, '59 s'], [M, '1 min'], [59 * M + 59 * S, '59 min'], [H, '1 h 00'],
  [2 * H + 5 * M, '2 h 05'], [23 * H + 59 * M, '23 h 59'], [D, '1 d 0 h'], [3 * D + 4 * H, '3 d 4 h'], [41 * D, '41 d'],
])('age(%d) = %s', (ms, want) => expect(age(ms)).toBe(want));

test('ago', () => {
  expect(ago(0)).toBe('now');
  expect(ago(5 * S)).toBe('5 s ago');
});

test("a missing time is not a time, and neither is Go's zero", () => {
  for (const t of [null, undefined, '', 'yesterday', '0001-01-01T00:00:00Z']) expect(parseTime(t)).toBeNull();
  expect(parseTime('2026-03-01T12:00:00.000Z')).toBe(Date.UTC(2026, 2, 1, 12));
});

test('every exact time names its zone and uses 24 h', () => {
  const t = new Date(2026, 2, 1, 14, 5, 9).getTime();
  expect(stamp(t)).toBe(`2026-03-01 14:05:09 ${zone(t)}`);
});

test.each([[5, '5 s'], [300, '5 min'], [14_400, '4 h'], [170_640, '47 h 24 min']])('duration(%d) = %s', (s, want) => expect(duration(s)).toBe(want));

test('a reading is fresh, aged, old or absent', () => {
  const now = Date.UTC(2026, 2, 1, 12);
  const at = (ms: number) => new Date(now - ms).toISOString();
  expect(freshness({ presence: 'online', last_data: at(30 * S) }, now)).toBe('fresh');
  expect(freshness({ presence: 'online', last_data: at(3 * H) }, now)).toBe('aged');
  expect(freshness({ presence: 'online', last_data: at(25 * H) }, now)).toBe('old');
  for (const presence of ['stale', 'offline', 'unknown'] as const) expect(freshness({ presence, last_data: at(30 * S) }, now)).toBe('old');
  expect(freshness({ presence: 'never', last_data: null }, now)).toBe('none');
});
