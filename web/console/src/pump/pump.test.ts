import { describe, expect, test } from 'vitest';
import { parseSearch, stringifySearch } from '../app/searchparams';
import { acts } from './acts';
import { dailyVolume, steps, timeOfDay } from './program';
import { type PumpSearch, readPumpSearch } from './search';
import { shift } from './useTelemetry';

describe('the address of a pump', () => {
  test.each<PumpSearch>([{}, { tab: 'timeline', kinds: ['alarm', 'gap'] }, { span: '7d' }, { from: '1772366400000', to: '1772370000000', span: '1h' }])('%j survives a round trip', (s) => {
    expect(readPumpSearch(parseSearch(stringifySearch({ ...s })))).toEqual(s);
  });

  test('a window that ends before it begins, or is not a window, is left out', () => {
    expect(readPumpSearch({ from: '1772370000000', to: '1772366400000' })).toEqual({});
    expect(readPumpSearch({ from: '1772366400000', to: 'now' })).toEqual({});
  });

  test('all kinds is the same as no choice', () => {
    expect(readPumpSearch({ kinds: ['gap', 'refusal', 'audit', 'presence', 'alarm', 'event'] })).toEqual({});
  });
});

describe('looking back', () => {
  const now = 10_000;
  test('a window moves by half of its length', () => expect(shift({ from: 2000, to: 6000, live: false, span: '1h' }, -1, now)).toEqual({ from: '0', to: '4000' }));
  test('a window that would pass the present goes back to live', () => expect(shift({ from: 6000, to: 9000, live: false, span: '1h' }, 1, now)).toBeNull());
});

describe('a program', () => {
  const segments = [
    { offset_s: 43_200, duration_s: 43_200, volume_nl: '150000' },
    { offset_s: 0, duration_s: 43_200, volume_nl: '50001' },
  ];

  test('rates are derived in integers and rounded down, in the order of the day', () => {
    expect(steps(segments).map((s) => [s.from, s.to, s.rate])).toEqual([[0, 43_200, 100_002n], [43_200, 86_400, 300_000n]]);
    expect(dailyVolume(steps(segments))).toBe(200_001n);
  });

  test('a segment that makes no sense is not drawn', () => {
    expect(steps([{ offset_s: 0, duration_s: 0, volume_nl: '1' }, { offset_s: 0, duration_s: 10, volume_nl: '1.5' }])).toEqual([]);
  });

  test('times of day', () => {
    expect(timeOfDay(0)).toBe('00:00');
    expect(timeOfDay(23_400)).toBe('06:30');
    expect(timeOfDay(86_400)).toBe('24:00');
  });
});

test('nothing leads out of retirement, and what cannot be undone asks twice', () => {
  expect(acts.filter((a) => a.from.includes('retired'))).toEqual([]);
  expect(acts.filter((a) => a.final).map((a) => a.name)).toEqual(['explant', 'retire']);
});
