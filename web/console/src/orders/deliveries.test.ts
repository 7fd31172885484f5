import { describe, expect, test } from 'vitest';
import { drugOf, n } from './amounts';
import { library } from './testing-therapy';
import { dayOf, running, silent, stepOf, trendOf } from './testing-trend';
import { amount, codesOf, given, levels, lineText, remark, sayDay, scale, stepText, summary, VOLUME } from './deliveries';

const morphine = { ...drugOf(library, 1), code: 1 };

describe('a day', () => {
  test('of which nothing is known is no zero, and a zero is known', () => {
    expect(given(silent(0), morphine)).toBeNull();
    expect(given(silent(0), VOLUME)).toBeNull();
    expect(given(dayOf(0, { delivered_nl: '0', doses: [{ code: 1, ng: '0' }] }), morphine)).toBe(0n);
    expect(given(dayOf(0, { contents: 'changed', doses: [] }), morphine)).toBeNull();
    expect(given(dayOf(0, { contents: 'changed', doses: [] }), VOLUME)).toBe(200_000n);
    // A known fluid without the drug gave none of it.
    expect(given(dayOf(0), { ...drugOf(library, 2), code: 2 })).toBe(0n);
  });

  test.each([
    [dayOf(0), ''],
    [silent(0), 'no readings to count by'],
    [running(0), 'so far, until 12:00'],
    [{ ...running(0), since: '2026-05-04T05:15:00.000Z' }, 'so far, only from 07:15 to 12:00'],
    [dayOf(0, { coverage: 'part', until: '2026-05-04T06:30:00.000Z' }), 'only from 00:00 to 08:30'],
    [dayOf(0, { contents: 'changed', doses: [] }), 'contents changed, so no dose'],
    [dayOf(0, { contents: 'unknown', doses: [] }), 'contents not known, so no dose'],
  ])('says what has to be known of it, by the clock of the site: %#', (d, want) => {
    expect(remark(d, 'Europe/Berlin')).toBe(want);
  });

  test('is said in words', () => {
    expect(sayDay(dayOf(0), morphine, 'Europe/Berlin')).toBe('Mon 4 May: 2.000 mg, 3 boluses given, 1 denied');
    expect(sayDay(silent(1), morphine, 'Europe/Berlin')).toBe('Tue 5 May: not known (no readings to count by)');
    expect(sayDay(running(2), VOLUME, 'Europe/Berlin')).toBe('Wed 6 May: 0.100 mL, 3 boluses given, 1 denied (so far, until 12:00)');
  });
});

describe('the line of the program', () => {
  const days = [0, 1, 2, 3].map((i) => dayOf(i));
  const values = (...steps: Parameters<typeof trendOf>[1] & object) => levels(trendOf(days, steps), morphine).map((l) => Number(l.value) / 1e6);
  test('goes back from what runs now through the steps', () => {
    expect(values()).toEqual([2]);
    expect(values(stepOf(2, '1800000', '2000000'), stepOf(1, '1500000', '1800000'))).toEqual([1.5, 1.8, 2]);
  });
  test('ends where nothing tells what ran before', () => {
    expect(values(stepOf(2, '1800000', '2000000'), stepOf(1, null, '1800000'))).toEqual([1.8, 2]);
    expect(levels(trendOf(days, [], { program: [] }), morphine)).toEqual([]);
  });
});

test.each([[2_000_000n, ['1', '2']], [1_900_000n, ['0.5', '1', '1.5']], [320_000n, ['0.1', '0.2', '0.3']], [0n, []]])('round lines below %s ng', (most, want) => {
  const s = scale(most);
  expect(s.lines.map((v) => lineText(morphine, v))).toEqual(want);
  expect(s.top >= most && s.top > 0n).toBe(true);
});

test('a step says what changed and by how much', () => {
  const [c] = stepOf(0, '1800000', '2000000').changes;
  expect(stepText(c!, morphine)).toBe('1.800 → 2.000 mg a day, +11.1 %');
  expect(stepText({ ...c!, was_worst_ng: '2400000', is_worst_ng: '2600000' }, morphine)).toBe('1.800 → 2.000 mg a day, +11.1 %; at most 2.400 → 2.600');
  expect(stepText({ ...c!, was_day_ng: null, was_worst_ng: null }, morphine)).toBe('2.000 mg a day; what ran before is not known');
  expect(stepText({ ...c!, was_day_ng: '2000000' }, morphine)).toBe('2.000 mg a day as before; at most 1.800 → 2.000');
});

test('a summary names what is not known', () => {
  const t = trendOf([dayOf(0), silent(1), dayOf(2, { doses: [{ code: 1, ng: '1500000' }] }), running(3)], [stepOf(2, '2000000', '1500000')]);
  expect(summary(t, morphine)).toBe('Least 1.500 mg on Wed 6 May, most 2.000 mg on Mon 4 May. 1 of 3 days are not known, or not whole. One step of the dose.');
  expect(summary(trendOf([silent(0), running(1)]), morphine)).toBe('Of no whole day is the dose known. No step of the dose.');
  expect(codesOf(t)).toEqual([1]);
  expect(amount(VOLUME, n('200000'))).toBe('0.200 mL');
});
