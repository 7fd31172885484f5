import type { Trend, TrendDay, TrendStep } from '../api/orders';

/** A trend of morphine, 10 mg/mL, for tests: days of 200 µL that begin at midnight in Berlin, the last one today. */

export function dayOf(i: number, part: Partial<TrendDay> = {}): TrendDay {
  const from = new Date(Date.UTC(2026, 4, 3 + i, 22)).toISOString();
  const to = new Date(Date.UTC(2026, 4, 4 + i, 22)).toISOString();
  return {
    date: new Date(Date.UTC(2026, 4, 4 + i)).toISOString().slice(0, 10), from, to, coverage: 'whole', since: from, until: to, delivered_nl: '200000', contents: 'known',
    doses: [{ code: 1, ng: '2000000' }], boluses_given: 3, boluses_denied: 1, ...part,
  };
}

export const silent = (i: number): TrendDay => dayOf(i, { coverage: 'none', since: null, until: null, delivered_nl: null, doses: [], boluses_given: null, boluses_denied: null });
export const running = (i: number): TrendDay => dayOf(i, { coverage: 'running', until: new Date(Date.UTC(2026, 4, 4 + i, 10)).toISOString(), delivered_nl: '100000', doses: [{ code: 1, ng: '1000000' }] });

export function stepOf(i: number, was: string | null, is: string, part: Partial<TrendStep> = {}): TrendStep {
  return { order: `${40 + i}`, at: new Date(Date.UTC(2026, 4, 4 + i, 10)).toISOString(), act: 'program', changes: [{ code: 1, was_day_ng: was, is_day_ng: is, was_worst_ng: was, is_worst_ng: is }], ...part };
}

export function trendOf(days: TrendDay[], steps: TrendStep[] = [], part: Partial<Trend> = {}): Trend {
  const total = (n: number): Trend['totals'][number] => ({ days: n, whole_days: n, delivered_nl: `${n}00000`, complete: true, doses: [{ code: 1, ng: `${n}000000` }], doses_complete: true, boluses_requested: 4 * n, boluses_given: 3 * n, boluses_denied: n });
  return { time_zone: 'Europe/Berlin', days, totals: [total(7), total(30)], program: [{ code: 1, ng: '2000000' }], steps, last_step: steps[0] ?? null, steps_30d: steps.length, ...part };
}
