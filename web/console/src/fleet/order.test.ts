import { describe, expect, test } from 'vitest';
import { pumpRow } from '../testing';
import { moves, orderRows, rankBySerial, sameOrder } from './order';
import { type SortKey, sortKeys } from './search';

const all = () => true;
const rows = [
  pumpRow({ id: '1', serial: 'HX10', reservoir_nl: '9000000', presence: 'online' }),
  pumpRow({ id: '2', serial: 'HX9', reservoir_nl: '10000000', presence: 'offline', presence_since: '2026-03-01T08:00:00.000Z' }),
  pumpRow({ id: '3', serial: 'HX11', reservoir_nl: null, presence: 'never', run: null, last_heard: null, battery_pct: null, rate_nl_day: null }),
  pumpRow({ id: '4', serial: 'HX12', reservoir_nl: '2', presence: 'online', run: 'stopped', alarms: { high: 1, medium: 0, low: 0 } }),
];
const order = (key: SortKey, descending = false) => orderRows(rows, all, { key, descending }, (id) => id, rankBySerial(rows)).join('');

describe('orderRows', () => {
  test('serials in the order that people count in', () => expect(order('pump')).toBe('2134'));
  test('volumes as integers, unknown last', () => expect(order('reservoir')).toBe('4123'));
  test('what needs attention first', () => expect(order('alarms').startsWith('4')).toBe(true));
  test('offline before online', () => expect(order('presence')[0]).toBe('2'));
  test('stopped first, unknown last', () => {
    expect(order('run')[0]).toBe('4');
    expect(order('run').at(-1)).toBe('3');
  });
  test('reversed, unknown stays last', () => {
    expect(order('reservoir', true)).toBe('2143');
    expect(order('pump', true)).toBe('4312');
  });
  test('the filter applies', () => expect(orderRows(rows, (r) => r.presence === 'online', { key: 'pump', descending: false }, String, rankBySerial(rows))).toEqual(['1', '4']));
  test.each(sortKeys)('%s does not depend on the order of arrival', (key) => {
    const a = orderRows(rows, all, { key, descending: false }, String, rankBySerial(rows));
    const b = orderRows(rows.toReversed(), all, { key, descending: false }, String, rankBySerial(rows.toReversed()));
    expect(a).toEqual(b);
    expect(a.toSorted()).toEqual(['1', '2', '3', '4']);
  });
});

describe('moves', () => {
  test.each<[string, string, number]>([
    ['', '', 0], ['abc', 'abc', 0], ['abcd', 'dabc', 1], ['abcd', 'bcda', 1], ['abcd', 'dcba', 3], ['abc', 'abcd', 1], ['abcd', 'abd', 1], ['ab', 'cd', 4],
    ['abcdef', 'badcfe', 3],
  ])('%s to %s: %i', (a, b, n) => expect(moves([...a], [...b])).toBe(n));
});

test('sameOrder', () => {
  expect(sameOrder(['a', 'b'], ['a', 'b'])).toBe(true);
  expect(sameOrder(['a', 'b'], ['b', 'a'])).toBe(false);
  expect(sameOrder(['a'], ['a', 'b'])).toBe(false);
});
