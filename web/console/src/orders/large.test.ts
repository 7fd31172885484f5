import { describe, expect, test } from 'vitest';
import type { Contents, DoseProgram } from '../api/orders';
import { confirmBy, type Given, largeBolus, largeChanges } from './large';

/** Whatever ingredient and figure a slip is in, it is asked about, the largest first. */

const day = (nl: number, ptm?: { nl: number; max: number }): DoseProgram => ({
  mode: 'continuous', cycle_s: '86400', segments: [{ offset_s: '0', duration_s: '86400', volume_nl: String(nl) }],
  ...(ptm ? { ptm: { volume_nl: String(ptm.nl), duration_s: '600', lockout_s: '3600', max_24h: ptm.max } } : {}),
});
const of = (...all: [code: number, mgPerMl: number][]): Contents => ({ ingredients: all.map(([code, mg]) => ({ code, conc_ng_ml: String(mg * 1_000_000) })), primary: 0, route: 'intrathecal' });
const morphine = of([1, 10]);
const mixture = of([1, 10], [2, 2]);
const told = (was: Given, is: Given) => largeChanges(was, is).map((c) => [c.code, c.figure, confirmBy(c)]);
const given = (program: DoseProgram, contents: Contents): Given => ({ program, contents });

describe('between two programs', () => {
  test.each([['the same', 200_000, []], ['a quarter more', 250_000, []], ['a quarter less', 150_000, []]] as const)('%s is not asked about', (_, nl, want) => {
    expect(told(given(day(200_000), morphine), given(day(nl), morphine))).toEqual(want);
  });
  test('more than a quarter, tenfold, and a tenth are, by their factor', () => {
    const factor = (nl: number) => told(given(day(200_000), morphine), given(day(nl), morphine))[0]?.[2];
    expect([factor(260_000), factor(140_000), factor(2_000_000), factor(20_000), factor(4_000)]).toEqual(['1.3', '0.7', '10', '0.1', '0.02']);
  });
  test('of a mixture the drug that changes most is named, though the one that leads stays', () => {
    // The same volume a day of another syringe: the first drug as before, the second ten times as strong.
    expect(told(given(day(200_000), mixture), given(day(200_000), of([1, 10], [2, 20])))).toEqual([[2, 'day', '10'], [2, 'worst', '10']]);
    expect(told(given(day(200_000), mixture), given(day(200_000), of([1, 14], [2, 0.2]))).map((c) => c[0])).toEqual([2, 2, 1, 1]);
  });
  test('a drug that falls to a tenth counts, and one that ends or begins beside others', () => {
    expect(told(given(day(200_000), mixture), given(day(200_000), of([1, 10], [2, 0.2])))[0]).toEqual([2, 'day', '0.1']);
    expect(told(given(day(200_000), mixture), given(day(200_000), morphine))[0]).toEqual([2, 'day', 'ends']);
    expect(told(given(day(200_000), morphine), given(day(200_000), mixture))).toEqual([[2, 'day', 'new']]);
  });
  test('of a swapped drug the new one is confirmed, in whatever order they are named', () => {
    expect(told(given(day(200_000), morphine), given(day(200_000), of([2, 2])))[0]).toEqual([2, 'day', 'new']);
    expect(told(given(day(200_000), of([2, 2])), given(day(200_000), morphine))[0]).toEqual([1, 'day', 'new']);
  });
  test('patient boluses count by the worst day, and by the one', () => {
    expect(told(given(day(200_000), morphine), given(day(200_000, { nl: 30_000, max: 4 }), morphine))).toEqual([[1, 'worst', '1.6']]);
    expect(told(given(day(200_000, { nl: 3_000, max: 1 }), morphine), given(day(200_000, { nl: 30_000, max: 1 }), morphine))).toEqual([[1, 'ptm', '10']]);
    expect(told(given(day(200_000, { nl: 10_000, max: 1 }), morphine), given(day(200_000, { nl: 5_000, max: 2 }), morphine))).toEqual([[1, 'ptm', '0.5']]);
  });
  test('where nothing ran there is nothing to compare with', () => {
    expect(told(given({ mode: 'minimum', cycle_s: '0', segments: [] }, of()), given(day(200_000), morphine))).toEqual([]);
  });
  test('what another syringe makes of the program that runs is asked about', () => {
    expect(told(given(day(200_000), morphine), given(day(200_000), of([1, 1])))[0]).toEqual([1, 'day', '0.1']);
  });
});

describe('a bolus on top of what runs', () => {
  const bolus = (nl: number) => ({ volume_nl: String(nl), duration_s: '600' });
  test('is measured by a patient’s bolus', () => {
    expect(largeBolus(given(day(200_000, { nl: 5_000, max: 1 }), morphine), bolus(50_000)).map((c) => [c.figure, confirmBy(c)])).toEqual([['bolus', '10']]);
  });
  test('and by the worst day with it', () => {
    expect(largeBolus(given(day(200_000), morphine), bolus(50_000))).toEqual([]);
    expect(largeBolus(given(day(200_000), mixture), bolus(100_000)).map((c) => [c.code, c.figure, confirmBy(c)])).toEqual([[1, 'worst', '1.5'], [2, 'worst', '1.5']]);
  });
});
