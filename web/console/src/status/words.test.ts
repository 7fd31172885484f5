import { describe, expect, test } from 'vitest';
import { timeLeft, written } from './words';

describe('numbers of the status in the unit that people read', () => {
  test.each([
    [0, 'bytes', '0', 'B'], [999, 'bytes', '999', 'B'], [1000, 'bytes', '1.0', 'kB'], [1_234_567, 'bytes', '1.2', 'MB'], [45_600_000_000, 'bytes', '45.6', 'GB'],
    [700, 'us', '700', 'µs'], [1500, 'us', '2', 'ms'], [9999, 'ms', '9999', 'ms'], [12_400, 'ms', '12', 's'], [1_200, 'per_min', '1,200', 'per minute'], [1_234_567, '', '1,234,567', ''],
  ])('%i %s is %s %s', (n, unit, number, shown) => expect(written(n, unit)).toEqual({ number, unit: shown }));
  test.each([[-1, 'ended'], [0, 'ended'], [1, 'less than a day left'], [86_400_000, '1 day left'], [30.9 * 86_400_000, '30 days left'], [3650 * 86_400_000, '3,650 days left']])(
    '%f ms: %s', (ms, text) => expect(timeLeft(ms)).toBe(text),
  );
});
