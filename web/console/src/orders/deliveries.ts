import type { Trend, TrendDay, TrendStep } from '../api/orders';
import { fixed } from '../units/quantity';
import { changeText, dose, type DrugFacts, ml, n } from './amounts';

/**
 * What a trend's chart, facts and table are made of. A day is drawn by what is known of it: one of which nothing is known is a hole
 * and never a zero, and one that is known in part says so. Pure, so that it can be tested without a screen.
 */

/** What is drawn: one ingredient, or the volume. */
export type Of = DrugFacts & { code: number | null };

export const VOLUME: Of = { code: null, name: 'Volume', unit: 'mg', decimals: 3, entry: null };

export const unitOf = (of: Of): string => (of.code === null ? 'mL' : of.unit);

/** A quantity of what is drawn, with all of its decimals, for a column whose head has the unit. */
export const figure = (of: Of, v: bigint): string => (of.code === null ? ml(v) : dose(of, v));

/** The same with its unit. */
export const amount = (of: Of, v: bigint): string => `${figure(of, v)} ${unitOf(of)}`;

/** What left the reservoir on a day, in ng or nL; null where that is not known. */
export function given(d: TrendDay, of: Of): bigint | null {
  if (of.code === null) return d.delivered_nl === null ? null : n(d.delivered_nl);
  const found = d.doses.find((x) => x.code === of.code);
  // A fluid that is known and holds none of it gave none.
  if (!found) return d.contents === 'known' && d.coverage !== 'none' ? 0n : null;
  return n(found.ng);
}

/** Ingredients that are known of any day, or that the program gives. */
export function codesOf(t: Trend): number[] {
  return [...new Set([...t.program.map((a) => a.code), ...t.days.flatMap((d) => d.doses.map((a) => a.code))])];
}

const noon = (date: string) => new Date(`${date}T12:00:00Z`);
const full = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });
const short = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

/** "Thu 26 Nov": the day of the site, whatever zone the browser is in. */
export const dayName = (d: TrendDay): string => full.format(noon(d.date));
export const shortName = (d: TrendDay): string => short.format(noon(d.date));

/** The time of the day by the site's clock. */
export function siteTime(at: string, zone: string): string {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false, timeZone: zone }).format(new Date(at));
}

/** What has to be known about a day's number, "" if it is all of the day. */
export function remark(d: TrendDay, zone: string): string {
  const parts: string[] = [];
  if (d.coverage === 'none') parts.push('no readings to count by');
  if (d.coverage === 'part') parts.push(`only from ${siteTime(d.since!, zone)} to ${siteTime(d.until!, zone)}`);
  // The server takes a reading of the first quarter of an hour for its midnight.
  const late = d.since !== null && Date.parse(d.since) - Date.parse(d.from) >= 900_000;
  if (d.coverage === 'running') parts.push(`so far, ${late ? `only from ${siteTime(d.since!, zone)} to` : 'until'} ${siteTime(d.until!, zone)}`);
  if (d.coverage !== 'none' && d.contents === 'changed') parts.push('contents changed, so no dose');
  if (d.coverage !== 'none' && d.contents === 'unknown') parts.push('contents not known, so no dose');
  return parts.join('; ');
}

/** A day in words, as the cursor says it. */
export function sayDay(d: TrendDay, of: Of, zone: string): string {
  const v = given(d, of);
  const boluses = d.boluses_given === null || d.boluses_denied === null || d.boluses_given + d.boluses_denied === 0 ? '' : `, ${d.boluses_given} ${d.boluses_given === 1 ? 'bolus' : 'boluses'} given, ${d.boluses_denied} denied`;
  const why = remark(d, zone);
  return `${dayName(d)}: ${v === null ? 'not known' : amount(of, v)}${boluses}${why && ` (${why})`}`;
}

export interface Level { readonly from: number; readonly to: number; readonly value: bigint }

/** A mean day of the program over the days, from what runs now back through the steps; times in ms. It ends where nothing tells what ran. */
export function levels(t: Trend, of: Of): Level[] {
  const from = Date.parse(t.days[0]!.from);
  const now = t.program.find((a) => a.code === of.code);
  if (of.code === null || t.program.length === 0) return [];
  let value = n(now?.ng);
  let to = Date.parse(t.days.at(-1)!.to);
  const out: Level[] = [];
  for (const s of t.steps) {
    const at = Date.parse(s.at);
    out.unshift({ from: at, to, value });
    to = at;
    const c = s.changes.find((x) => x.code === of.code);
    if (c && c.was_day_ng === null) return out;
    if (c) value = n(c.was_day_ng);
  }
  return [{ from, to, value }, ...out];
}

/** A round bound above the largest value, and lines to read it by. */
export function scale(most: bigint): { top: bigint; lines: bigint[] } {
  if (most <= 0n) return { top: 1n, lines: [] };
  // Two or three lines at 1, 2, 2.5 or 5 times a power of ten.
  let unit = 1n;
  while (unit * 10n * 3n <= most) unit *= 10n;
  const step = [unit, 2n * unit, (5n * unit) / 2n, 5n * unit, 10n * unit].find((s) => s > 0n && most / s < 4n) ?? 10n * unit;
  const lines: bigint[] = [];
  for (let v = step; v <= most; v += step) lines.push(v);
  return { top: (most * 110n) / 100n || 1n, lines };
}

/** A line's value without zeros that say nothing. */
export function lineText(of: Of, v: bigint): string {
  const text = of.code === null ? ml(v) : fixed(v, of.unit === 'mg' ? 1_000_000n : 1_000n, 6, 'nearest');
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** "1.800 → 2.000 mg a day, +11.1 %" of each ingredient that a step changed. */
export function stepText(c: TrendStep['changes'][number], f: DrugFacts): string {
  const is = dose(f, n(c.is_day_ng));
  if (c.was_day_ng === null || c.was_worst_ng === null) return `${is} ${f.unit} a day; what ran before is not known`;
  const was = dose(f, n(c.was_day_ng));
  const most = [dose(f, n(c.was_worst_ng)), dose(f, n(c.is_worst_ng))] as const;
  // Without patient boluses the most of 24 hours is the day itself.
  const worst = most[0] === was && most[1] === is ? '' : `; at most ${most.join(' → ')}`;
  return c.was_day_ng === c.is_day_ng ? `${is} ${f.unit} a day as before${worst}` : `${was} → ${is} ${f.unit} a day, ${changeText(n(c.was_day_ng), n(c.is_day_ng))}${worst}`;
}

/** A chart in one sentence. */
export function summary(t: Trend, of: Of): string {
  const whole = t.days.filter((d) => d.coverage === 'whole' && given(d, of) !== null).map((d) => ({ d, v: given(d, of)! }));
  const holes = t.days.filter((d) => d.coverage !== 'running' && (d.coverage !== 'whole' || given(d, of) === null)).length;
  const steps = `${t.steps.length === 0 ? 'No step' : t.steps.length === 1 ? 'One step' : `${t.steps.length} steps`} of the dose.`;
  if (whole.length === 0) return `Of no whole day is the ${of.code === null ? 'volume' : 'dose'} known. ${steps}`;
  const least = whole.reduce((a, b) => (b.v < a.v ? b : a));
  const most = whole.reduce((a, b) => (b.v > a.v ? b : a));
  return `Least ${amount(of, least.v)} on ${dayName(least.d)}, most ${amount(of, most.v)} on ${dayName(most.d)}. ${holes === 0 ? 'Every day is known.' : `${holes} of ${t.days.length - 1} days are not known, or not whole.`} ${steps}`;
}
