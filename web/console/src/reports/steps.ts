import type { OrderWeek } from '../api/reports';

/** The weeks of all sites together, as bars of what was proposed and what of it was passed. */

export interface Step {
  readonly monday: string;
  readonly proposed: number;
  readonly within: number;
  readonly limits: number;
  readonly steps: number;
  readonly caught: number;
  /** Of the widest bar, in thousandths: all that was proposed, and what of it kept to the library. */
  readonly width: number;
  readonly kept: number;
}

const WEEK = 7 * 86_400_000;

/** Oldest first, a bar for each week between the first and the last: a week in which nothing happened is a gap that one sees. */
export function stepsOf(weeks: readonly OrderWeek[]): Step[] {
  if (weeks.length === 0) return [];
  const by = new Map<string, Omit<Step, 'monday' | 'width' | 'kept'>>();
  for (const w of weeks) {
    const was = by.get(w.monday) ?? { proposed: 0, within: 0, limits: 0, steps: 0, caught: 0 };
    by.set(w.monday, { proposed: was.proposed + w.proposed, within: was.within + w.within, limits: was.limits + w.soft_limits, steps: was.steps + w.soft_steps, caught: was.caught + w.caught });
  }
  const days = [...by.keys()].toSorted();
  const most = Math.max(...[...by.values()].map((w) => w.proposed), 1);
  const out: Step[] = [];
  for (let t = Date.parse(`${days[0]!}T00:00:00Z`); t <= Date.parse(`${days.at(-1)!}T00:00:00Z`); t += WEEK) {
    const monday = new Date(t).toISOString().slice(0, 10);
    const w = by.get(monday) ?? { proposed: 0, within: 0, limits: 0, steps: 0, caught: 0 };
    out.push({ ...w, monday, width: Math.round((w.proposed * 1000) / most), kept: Math.round((w.within * 1000) / most) });
  }
  return out;
}

const many = (n: number, one: string, more: string) => `${n} ${n === 1 ? one : more}`;

/** What a bar says, in words: "12 proposed, 10 within the library; 1 soft limit and 2 soft steps passed; 1 caught". */
export function stepText(s: Step): string {
  if (s.proposed === 0 && s.limits === 0 && s.steps === 0 && s.caught === 0) return 'nothing proposed';
  const passed = [...(s.limits > 0 ? [many(s.limits, 'soft limit', 'soft limits')] : []), ...(s.steps > 0 ? [many(s.steps, 'soft step', 'soft steps')] : [])];
  return [
    `${s.proposed} proposed, ${s.within === s.proposed ? (s.proposed === 0 ? 'none to keep to the library' : 'all within the library') : `${s.within} within the library`}`,
    ...(passed.length > 0 ? [`${passed.join(' and ')} passed with a reason`] : []), ...(s.caught > 0 ? [`${s.caught} caught by checks`] : []),
  ].join('; ');
}
