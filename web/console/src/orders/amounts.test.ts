import { describe, expect, test } from 'vitest';
import { changeText, dose, exactDose, factorText, hhmm, isLarge, mass, meanDay, readDose, readTime, slip, volumeOf } from './amounts';

const mg = { name: 'Morphine', unit: 'mg', decimals: 3, entry: null } as const;
const mcg = { name: 'Baclofen', unit: 'mcg', decimals: 1, entry: null } as const;

describe('entry of doses', () => {
  test.each(['.5', '0,5', '1e0', '5.0', '05', '-1', '+1', '1.2345', '', 'abc', '0x10', '1.'])('refuses %s and says why', (text) => {
    expect(readDose(text, mg)).toHaveProperty('wrong');
  });

  test.each([['1.41', 1_410_000n], ['0.001', 1_000n], ['12', 12_000_000n]] as const)('reads %s mg exactly', (text, ng) => {
    expect(readDose(text, mg)).toEqual({ ng });
    expect(exactDose(mg, ng)).toBe(text);
  });

  test('the unit decides a thousandfold', () => {
    expect(readDose('0.5', mg)).toEqual({ ng: 500_000n });
    expect(readDose('0.5', mcg)).toEqual({ ng: 500n });
  });
});

test('2 mg a day at 10 mg/mL are 0.2 mL, there and back', () => {
  expect(volumeOf(2_000_000n, 10_000_000n)).toBe(200_000n);
  expect(mass(200_000n, 10_000_000n)).toBe(2_000_000n);
  expect(meanDay({ mode: 'continuous', cycle_s: '86400', segments: [{ offset_s: '0', duration_s: '86400', volume_nl: '200000' }] })).toBe(200_000n);
  expect(meanDay({ mode: 'stopped', cycle_s: '0', segments: [] })).toBe(0n);
});

test('a change is named, and a large or slipped one is asked about', () => {
  expect(changeText(1_000n, 1_125n)).toBe('+12.5 %');
  expect(changeText(1_000n, 800n)).toBe('−20.0 %');
  expect(changeText(0n, 5n)).toBe('new');
  expect([changeText(490_000n, 490_226n), changeText(490_000n, 489_999n)]).toEqual(['less than 0.1 % more', 'less than 0.1 % less']);
  expect([isLarge(1_000n, 1_250n), isLarge(1_000n, 1_251n), isLarge(1_000n, 749n)]).toEqual([false, true, true]);
  expect([slip(1_000n, 10_000n), slip(1_000n, 100n), slip(1_000n, 2_000n)]).toEqual([10, -10, 0]);
  expect([factorText(1_000n, 1_500n), factorText(1_000n, 10_000n), factorText(1_000n, 1_340n)]).toEqual(['1.5', '10', '1.3']);
  expect(dose(mcg, 1_250n)).toBe('1.3');
});

test('times of a day', () => {
  expect([readTime('08:30'), readTime('24:00'), readTime('24:01'), readTime('8:30')]).toEqual([30_600n, 86_400n, null, null]);
  expect(hhmm(30_600n)).toBe('08:30');
});
