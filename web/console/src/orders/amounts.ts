import type { CheckNumber, Contents, Dose, DoseProgram, Drug, LibraryContent, Segment } from '../api/orders';
import { worst } from '../order/numbers';
import { exact, fixed, parseDigits, UNKNOWN } from '../units/quantity';
import { duration } from '../units/time';

/**
 * The arithmetic of the dose screens: nL, ng, ng/mL and s as bigint, each division with its rounding. It helps people to
 * fill in and to read; what counts is what the server and then the pump compute from the signed bytes.
 */

export const DAY = 86_400n;
export const HOUR = 3_600n;
const NL_PER_ML = 1_000_000n;

export const n = (digits: string | null | undefined): bigint => parseDigits(digits) ?? 0n;

/** Rounds to the nearest, half up; for what is not negative. */
export const nearest = (a: bigint, b: bigint): bigint => (2n * a + b) / (2n * b);
const up = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** ng in nL of ng/mL. */
export const mass = (volume: bigint, conc: bigint): bigint => nearest(volume * conc, NL_PER_ML);
/** nL that hold ng at ng/mL, to the nearest. */
export const volumeOf = (ng: bigint, conc: bigint): bigint => (conc > 0n ? nearest(ng * NL_PER_ML, conc) : 0n);

export interface DrugFacts {
  readonly name: string;
  readonly unit: 'mg' | 'mcg';
  readonly decimals: number;
  readonly entry: Drug | null;
}

/** How a drug's doses are written. One that the library does not hold is shown by its number, in micrograms. */
export function drugOf(lib: LibraryContent | null | undefined, code: number): DrugFacts {
  const d = lib?.drugs.find((x) => x.code === code);
  return d ? { name: d.name, unit: d.unit, decimals: d.decimals, entry: d } : { name: `Ingredient ${code}`, unit: 'mcg', decimals: 3, entry: null };
}

export const unitNg = (unit: 'mg' | 'mcg'): bigint => (unit === 'mg' ? 1_000_000n : 1_000n);

/** A mass of a drug in its unit, with exactly its decimals. */
export const dose = (d: DrugFacts, ng: bigint): string => fixed(ng, unitNg(d.unit), d.decimals, 'nearest');

/** A mass without trailing zeros, when it is a limit or an entry and not a column. */
export const plainDose = (d: DrugFacts, ng: bigint): string => exact(ng, unitNg(d.unit));

export const concText = (d: DrugFacts, conc: bigint): string => exact(conc, unitNg(d.unit));

export const ml = (nl: bigint, decimals = 3): string => fixed(nl, NL_PER_ML, decimals, 'nearest');

/** A volume with all of its digits: "0.5 mL". */
export const exactMl = (nl: string | bigint): string => `${exact(typeof nl === 'bigint' ? nl : n(nl), NL_PER_ML)} mL`;

/** Reads a dose as people type it: a dot, a zero before it, at most the drug's decimals, none of them a zero at the end. */
export function readDose(text: string, d: Pick<DrugFacts, 'unit' | 'decimals'>): { ng: bigint } | { wrong: string } {
  const t = text.trim();
  if (t === '') return { wrong: 'Enter a number.' };
  if (t.includes(',')) return { wrong: 'Write a decimal point: a comma is misread.' };
  if (/[eE+-]/.test(t)) return { wrong: 'Write digits only: no sign, no exponent.' };
  if (t.startsWith('.')) return { wrong: 'Write a zero before the decimal point.' };
  const m = /^(\d{1,9})(?:\.(\d+))?$/.exec(t);
  if (!m) return { wrong: 'Write digits, with at most one decimal point.' };
  const [, whole = '', part = ''] = m;
  if (whole.length > 1 && whole.startsWith('0')) return { wrong: 'Write no zeros before the first digit.' };
  if (part.length > d.decimals) return { wrong: d.decimals === 0 ? 'Whole numbers only.' : `At most ${d.decimals} decimals.` };
  if (part.endsWith('0')) return { wrong: 'Write no zeros at the end: 5.0 is misread as 50.' };
  return { ng: (BigInt(whole + part.padEnd(d.decimals, '0')) * unitNg(d.unit)) / 10n ** BigInt(d.decimals) };
}

/** What is infused on an average day, without patient boluses, in nL. */
export function meanDay(p: DoseProgram): bigint {
  if (p.mode === 'stopped' || p.mode === 'minimum' || n(p.cycle_s) === 0n) return 0n;
  const sum = p.segments.reduce((v, s) => v + n(s.volume_nl), 0n);
  const cycle = n(p.cycle_s);
  return nearest(sum * (p.mode === 'single' && cycle < DAY ? cycle : DAY), cycle);
}

const modeNo: Partial<Record<DoseProgram['mode'], number>> = { stopped: 1, minimum: 2, continuous: 3, flex_day: 4, flex_week: 5, periodic: 6, single: 7 };

/**
 * The most that any 24 hours of a program give, with every patient bolus that lockout, count and window permit, in nL: the same
 * arithmetic as the pump's (docs/protocol.md section 3). idle is the device's minimum rate.
 */
export function mostDay(p: DoseProgram, idle = 0n): bigint {
  const t = p.ptm;
  return worst({
    mode: modeNo[p.mode] ?? 3, cycle: n(p.cycle_s), after: p.then === undefined ? 0 : modeNo[p.then] ?? 0,
    segments: p.segments.map((s) => ({ offset: n(s.offset_s), duration: n(s.duration_s), volume: n(s.volume_nl) })),
    patient: t && { volume: n(t.volume_nl), duration: n(t.duration_s), lockout: n(t.lockout_s), most: BigInt(t.max_24h), window: n(t.window_s), mostInWindow: BigInt(t.max_window ?? 0), validFor: n(t.valid_for_s) },
  }, DAY, idle);
}

/** The same as a mass, never rounded down. */
export const mostMass = (p: DoseProgram, conc: bigint, idle = 0n): bigint => up(mostDay(p, idle) * conc, NL_PER_ML);

export const rateOf = (s: Segment | Dose): bigint => nearest(n(s.volume_nl) * DAY, n(s.duration_s) || 1n);

/** The volume of a segment that gives a share of a day's volume at a rate for some seconds: never above what was meant. */
export const spread = (perDay: bigint, seconds: bigint): bigint => (perDay * seconds) / DAY;

/** Change in thousandths of the old value, signed; null when there is nothing to compare with. */
export const permille = (old: bigint, now: bigint): bigint | null => (old === 0n ? null : ((now - old) * 1000n) / old);

/** "+12.5 %", "−20.0 %", "no change"; a change is never written as none: "less than 0.1 % more". */
export function changeText(old: bigint, now: bigint): string {
  if (old === now) return 'no change';
  const p = permille(old, now);
  if (p === null) return 'new';
  const size = p < 0n ? -p : p;
  if (size === 0n) return `less than 0.1 % ${now > old ? 'more' : 'less'}`;
  return `${now > old ? '+' : '−'}${size / 10n}.${size % 10n} %`;
}

/** More than a quarter away from the old value. */
export const isLarge = (old: bigint, now: bigint): boolean => old > 0n && (now > old ? (now - old) * 4n > old : (old - now) * 4n > old);

/** About ten times as much, or a tenth, as a slipped decimal point would make it; 0 when it is not. */
export function slip(old: bigint, now: bigint): 0 | 10 | -10 {
  if (old <= 0n || now <= 0n) return 0;
  return now >= old * 8n ? 10 : now * 8n <= old ? -10 : 0;
}

/** "1.5", "0.8", "10": the factor that a large change is confirmed by, with one decimal, or with as many as it takes to be more than nothing. */
export function factorText(old: bigint, now: bigint): string {
  if (old === 0n || now === 0n) return '0';
  for (let places = 1; places < 6; places++) {
    const scale = 10n ** BigInt(places);
    const parts = nearest(now * scale, old);
    if (parts > 0n) return exact(parts, scale);
  }
  return '0.00001';
}

export const seconds = (s: string | null | undefined): string => (parseDigits(s) === null ? UNKNOWN : duration(Number(s)));

/** A continuous or flex program that gives other volumes per segment. */
export function withVolumes(p: DoseProgram, volumes: readonly bigint[]): DoseProgram {
  return { ...p, segments: p.segments.map((s, i) => ({ ...s, volume_nl: (volumes[i] ?? 0n).toString() })) };
}

export const checkOf = (all: readonly CheckNumber[] | undefined, code: number): CheckNumber | undefined => all?.find((c) => c.code === code);
export const concOf = (c: Contents | null | undefined, code: number): bigint => n(c?.ingredients.find((i) => i.code === code)?.conc_ng_ml);
export const primaryOf = (c: Contents): number => c.ingredients[c.primary]?.code ?? c.ingredients[0]?.code ?? 0;

/** How long what is in the reservoir lasts at a mean day, whole days rounded down; null when nothing flows. */
export const daysLeft = (volume: bigint, perDay: bigint): bigint | null => (perDay > 0n ? volume / perDay : null);
export const ceilDays = (volume: bigint, perDay: bigint): bigint | null => (perDay > 0n ? up(volume, perDay) : null);

/** A length of time, exact to the second: "47 h 24 min", "1 min 30 s". */
export function span(digits: string): string {
  const s = n(digits);
  const parts = [[s / HOUR, 'h'], [(s % HOUR) / 60n, 'min'], [s % 60n, 's']] as const;
  return parts.filter(([v]) => v > 0n).map(([v, unit]) => `${v} ${unit}`).join(' ') || '0 s';
}

/** A moment of the cycle, exact to the second: "08:30", "day 2 08:30" behind the first day, whose end is 24:00. */
export function moment(s: bigint): string {
  if (s <= DAY) return s % 60n === 0n ? hhmm(s) : `${hhmm(s)}:${String(s % 60n).padStart(2, '0')}`;
  return `day ${s / DAY + 1n} ${moment(s % DAY)}`;
}

/** "08:30" of seconds after midnight. */
export function hhmm(s: string | bigint): string {
  const v = typeof s === 'bigint' ? s : n(s);
  return `${String(v / HOUR).padStart(2, '0')}:${String((v % HOUR) / 60n).padStart(2, '0')}`;
}
export function readTime(text: string): bigint | null {
  const m = /^([01]\d|2[0-4]):([0-5]\d)$/.exec(text.trim());
  if (!m) return null;
  const s = BigInt(m[1]!) * HOUR + BigInt(m[2]!) * 60n;
  return s > DAY ? null : s;
}

/** A dose as one would type it: rounded to the drug's decimals, without zeros at the end. */
export function exactDose(d: Pick<DrugFacts, 'unit' | 'decimals'>, ng: bigint): string {
  const text = fixed(ng, unitNg(d.unit), d.decimals, 'nearest');
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
}
