import { describe, expect, test } from 'vitest';
import {
  concentration, dosePerDay, exact, fixed, forDrawing, milli, millilitres, millilitresPerDay, parseDigits, percentOf, UNKNOWN,
} from './quantity';

test.each([
  ['0', 0n], ['12345678901234567890', 12345678901234567890n], ['-5', -5n],
  ['', null], ['1.5', null], ['1e3', null], ['007', null], [' 1', null], ['+1', null], ['0x10', null], [null, null], [undefined, null],
])('parseDigits(%j)', (text, want) => expect(parseDigits(text)).toBe(want));

test.each<[bigint, bigint, number, 'down' | 'nearest', string]>([
  [0n, 1_000_000n, 2, 'down', '0.00'],
  [9_999n, 1_000_000n, 2, 'down', '0.00'],
  [14_829_999n, 1_000_000n, 2, 'down', '14.82'],
  [14_825_000n, 1_000_000n, 2, 'nearest', '14.83'],
  [14_824_999n, 1_000_000n, 2, 'nearest', '14.82'],
  [999_999n, 1_000_000n, 0, 'nearest', '1'],
  [999_999n, 1_000_000n, 0, 'down', '0'],
  [-1_500_000n, 1_000_000n, 1, 'nearest', '-1.5'],
  [-4n, 1_000_000n, 2, 'nearest', '0.00'],
])('fixed(%s / %s, %i, %s) = %s', (v, unit, decimals, rounding, want) => expect(fixed(v, unit, decimals, rounding)).toBe(want));

test.each<[bigint, string]>([[10_000_000n, '10'], [500_000n, '0.5'], [1_250n, '0.00125'], [0n, '0'], [1n, '0.000001']])('exact(%s) = %s', (v, want) => expect(exact(v, 1_000_000n)).toBe(want));

test('a volume is never shown larger than it is', () => {
  expect(millilitres('14829999')).toBe('14.82');
  expect(millilitres('20000000', 0)).toBe('20');
  expect(millilitres('19999999', 0)).toBe('19');
});

test('a rate has three decimals, enough for the smallest programmable one', () => {
  expect(millilitresPerDay('48000')).toBe('0.048');
  expect(millilitresPerDay('200000')).toBe('0.200');
  expect(millilitresPerDay('24000000')).toBe('24.000');
});

test('what is unknown is a dash, never a zero', () => {
  for (const bad of [null, undefined, '', 'NaN', '1.5']) {
    expect(millilitres(bad)).toBe(UNKNOWN);
    expect(millilitresPerDay(bad)).toBe(UNKNOWN);
    expect(dosePerDay('morphine', bad, '10000000').text).toBe(UNKNOWN);
  }
  expect(milli(null, 2)).toBe(UNKNOWN);
  expect(milli(1.5, 2)).toBe(UNKNOWN);
});

describe('the unit belongs to the drug, whatever the size of the number', () => {
  test.each([
    ['morphine', '10000000', '10', 'mg/mL'], ['morphine', '500000', '0.5', 'mg/mL'], ['Baclofen', '2000000', '2000', 'mcg/mL'],
    ['baclofen', '50000', '50', 'mcg/mL'], ['ziconotide', '25000', '25', 'mcg/mL'], ['clonidine hydrochloride', '150000', '150', 'mcg/mL'],
  ])('%s %s ng/mL', (drug, ng, text, unit) => expect(concentration(drug, ng)).toEqual({ text, unit }));
});

test('the dose is rate times concentration, in integers', () => {
  // 0.2 mL/day of 10 mg/mL is 2 mg/day.
  expect(dosePerDay('morphine', '200000', '10000000')).toEqual({ text: '2.000', unit: 'mg/day' });
  expect(dosePerDay('baclofen', '261000', '500000')).toEqual({ text: '130.5', unit: 'mcg/day' });
  // Far beyond 2^53 in between: nothing is lost.
  expect(dosePerDay('morphine', '24000000', '9007199254740993')).toEqual({ text: '216172782113.784', unit: 'mg/day' });
});

test('sensor values', () => {
  expect(milli(2975, 3)).toBe('2.975');
  expect(milli(2975, 2)).toBe('2.98');
  expect(milli(36_849, 1)).toBe('36.8');
  expect(milli(-250, 1)).toBe('-0.3');
});

test('pictures', () => {
  expect(percentOf('5000000', '20000000')).toBe(25);
  expect(percentOf('21000000', '20000000')).toBe(100);
  expect(percentOf('5', '0')).toBeNull();
  expect(percentOf(null, '5')).toBeNull();
  expect(forDrawing('1500000')).toBe(1.5);
  expect(forDrawing('x')).toBeNull();
});
