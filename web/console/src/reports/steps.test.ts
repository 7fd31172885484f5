import { describe, expect, test } from 'vitest';
import type { OrderWeek } from '../api/reports';
import { stepsOf, stepText } from './steps';

const week = (monday: string, site: string, part: Partial<OrderWeek>): OrderWeek =>
  ({ monday, site, proposed: 0, within: 0, soft_limits: 0, soft_steps: 0, caught: 0, mismatches: 0, applied: 0, increases: 0, alone: 0, ...part }) as OrderWeek;

describe('weeks as bars', () => {
  test('sites together, oldest first, with a gap where nothing happened', () => {
    const all = stepsOf([week('2026-05-18', '1', { proposed: 4, within: 4 }), week('2026-05-04', '1', { proposed: 6, within: 3, soft_steps: 2 }), week('2026-05-04', '2', { proposed: 2, within: 1, soft_limits: 1, caught: 1 })]);
    expect(all.map((s) => [s.monday, s.proposed, s.within, s.limits, s.steps, s.caught, s.width, s.kept])).toEqual([
      ['2026-05-04', 8, 4, 1, 2, 1, 1000, 500], ['2026-05-11', 0, 0, 0, 0, 0, 0, 0], ['2026-05-18', 4, 4, 0, 0, 0, 500, 500],
    ]);
  });
  test('a week in which clocks change is a week', () => {
    expect(stepsOf([week('2026-03-23', '1', { proposed: 1 }), week('2026-04-06', '1', { proposed: 1 })]).map((s) => s.monday)).toEqual(['2026-03-23', '2026-03-30', '2026-04-06']);
  });
  test('no weeks, and weeks without proposals', () => {
    expect(stepsOf([])).toEqual([]);
    expect(stepsOf([week('2026-05-04', '1', { caught: 2 })])[0]).toMatchObject({ width: 0, kept: 0, caught: 2 });
  });
  test.each([
    [{ proposed: 12, within: 10, soft_limits: 1, soft_steps: 2, caught: 1 }, '12 proposed, 10 within the library; 1 soft limit and 2 soft steps passed with a reason; 1 caught by checks'],
    [{ proposed: 3, within: 3 }, '3 proposed, all within the library'], [{ proposed: 1, within: 0, soft_steps: 1 }, '1 proposed, 0 within the library; 1 soft step passed with a reason'],
    [{ caught: 2 }, '0 proposed, none to keep to the library; 2 caught by checks'], [{}, 'nothing proposed'],
  ])('%j', (part, text) => { expect(stepText(stepsOf([week('2026-05-04', '1', part)])[0]!)).toBe(text); });
});
