import type { DoseProgram, Segment } from '../api/orders';
import { DAY, moment, n } from './amounts';
import { weekdays } from './draft';

/** A program as the days of a week, Monday first, and days that are alike brought together. */

/** A stretch of a weekday, from its midnight on. */
export interface Stretch { readonly key: string; readonly volume: bigint }

/** The weekday of a moment of the week, and the time in it; what ends at midnight ends at 24:00 of its day. */
const at = (s: bigint, end = false): { day: number; time: bigint } => {
  const day = end && s > 0n ? (s - 1n) / DAY : s / DAY;
  return { day: Number(day), time: s - day * DAY };
};

/**
 * The stretches of each weekday, or null of a program that is neither of a day nor of a week, or in which one goes on past
 * midnight or past the week.
 */
export function byWeekday(p: DoseProgram | null): Stretch[][] | null {
  if (!p) return null;
  const week = p.mode === 'flex_week';
  if (!week && (n(p.cycle_s) !== DAY || p.segments.length === 0 || (p.mode !== 'flex_day' && p.mode !== 'continuous'))) return null;
  const days: Stretch[][] = weekdays.map(() => []);
  for (const s of p.segments) {
    const from = at(n(s.offset_s));
    const to = at(n(s.offset_s) + n(s.duration_s), true);
    const into = days[from.day];
    if (!into || from.day !== to.day || (!week && from.day > 0)) return null;
    const stretch = { key: `${moment(from.time)}–${moment(to.time)}`, volume: n(s.volume_nl) };
    for (const d of week ? [into] : days) d.push(stretch);
  }
  return days;
}

/** Days in words: "Monday–Friday, Sunday", "Every day". Numbers count from Monday, 0. */
export function dayNames(days: readonly number[]): string {
  if (days.length === weekdays.length) return 'Every day';
  const runs: number[][] = [];
  for (const d of days) {
    const last = runs.at(-1);
    if (last?.at(-1) === d - 1) last.push(d);
    else runs.push([d]);
  }
  const name = (d: number) => weekdays[d]!;
  return runs.map((r) => (r.length === 1 ? name(r[0]!) : `${name(r[0]!)}${r.length === 2 ? ', ' : '–'}${name(r.at(-1)!)}`)).join(', ');
}

/** Which weekdays are the same on both sides, in the order of their first day. */
export function alike(was: readonly Stretch[][] | null, now: readonly Stretch[][] | null): number[][] {
  const found = new Map<string, number[]>();
  const text = (all: readonly Stretch[] | undefined) => (all ?? []).map((s) => `${s.key}=${s.volume}`).join(';');
  weekdays.forEach((_, d) => {
    const key = `${text(was?.[d])}|${text(now?.[d])}`;
    found.set(key, [...(found.get(key) ?? []), d]);
  });
  return [...found.values()];
}

/** A stretch that byWeekday cannot place: "Monday 22:00–Tuesday 06:00". */
export function weekSpan(s: Segment): string {
  const [from, to] = [at(n(s.offset_s)), at(n(s.offset_s) + n(s.duration_s), true)];
  // Behind the end of the week only a malformed program has something; it is numbered, so that it is seen.
  const name = (d: number) => (d < 7 ? weekdays[d]! : `${weekdays[d % 7]!} of week ${Math.floor(d / 7) + 1}`);
  return `${name(from.day)} ${moment(from.time)}–${to.day === from.day ? '' : `${name(to.day)} `}${moment(to.time)}`;
}
