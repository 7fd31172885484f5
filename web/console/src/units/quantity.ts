/**
 * Volumes, rates and doses. They cross the API as digit strings (nL, nL/day, ng/mL) and stay bigint here; a float never
 * holds one, except in `forDrawing`, whose result must not be shown as a number. All text uses a dot, a leading zero and
 * a fixed number of decimals, so that columns line up on the decimal point.
 */

export type Rounding = 'down' | 'nearest';

const NL_PER_ML = 1_000_000n;
const NG_PER_MCG = 1_000n;
const NG_PER_MG = 1_000_000n;

/** Shown where a value is not known. Never "0". */
export const UNKNOWN = '–';

/** Parses a digit string of the API. Anything else (a float, an exponent, an empty string) is unknown, not zero. */
export function parseDigits(text: string | null | undefined): bigint | null {
  return typeof text === 'string' && /^-?(0|[1-9]\d*)$/.test(text) ? BigInt(text) : null;
}

/** Writes value ÷ unit with exactly `decimals` decimals. "nearest" rounds half away from zero, "down" towards zero. */
export function fixed(value: bigint, unit: bigint, decimals: number, rounding: Rounding): string {
  const negative = value < 0n;
  const scaled = (negative ? -value : value) * 10n ** BigInt(decimals);
  let whole = scaled / unit;
  if (rounding === 'nearest' && (scaled % unit) * 2n >= unit) whole += 1n;
  const digits = whole.toString().padStart(decimals + 1, '0');
  const text = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  return negative && whole !== 0n ? `-${text}` : text;
}

/** Writes value ÷ unit exactly, without trailing zeros: 10, 0.5, 0.00125. The unit must be a power of ten. */
export function exact(value: bigint, unit: bigint): string {
  const decimals = unit.toString().length - 1;
  const text = fixed(value, unit, decimals, 'down');
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
}

/** A volume in mL, two decimals, rounded down: the screen never shows more drug than there is. */
export function millilitres(nl: string | bigint | null | undefined, decimals = 2): string {
  const v = typeof nl === 'bigint' ? nl : parseDigits(nl);
  return v === null ? UNKNOWN : fixed(v, NL_PER_ML, decimals, 'down');
}

/** A rate in mL/day, three decimals: the smallest programmable rate of a sample pump is 0.048 mL/day. */
export function millilitresPerDay(nlPerDay: string | bigint | null | undefined, decimals = 3): string {
  const v = typeof nlPerDay === 'bigint' ? nlPerDay : parseDigits(nlPerDay);
  return v === null ? UNKNOWN : fixed(v, NL_PER_ML, decimals, 'nearest');
}

/**
 * Drugs that the field writes in micrograms. The unit belongs to the drug and never follows the size of the number:
 * a display that slips from mcg to mg at a threshold invites a thousandfold misreading.
 */
const MICROGRAM_DRUGS = new Set(['baclofen', 'clonidine', 'fentanyl', 'sufentanil', 'ziconotide']);

export function massUnit(drug: string): 'mg' | 'mcg' {
  return MICROGRAM_DRUGS.has(drug.trim().toLowerCase().split(/\s/)[0] ?? '') ? 'mcg' : 'mg';
}

export interface Amount {
  readonly text: string;
  readonly unit: string;
}

/** A concentration, exact: `10 mg/mL`, `500 mcg/mL`. */
export function concentration(drug: string, ngPerMl: string | bigint | null | undefined): Amount {
  const unit = massUnit(drug);
  const v = typeof ngPerMl === 'bigint' ? ngPerMl : parseDigits(ngPerMl);
  return { text: v === null ? UNKNOWN : exact(v, unit === 'mg' ? NG_PER_MG : NG_PER_MCG), unit: `${unit}/mL` };
}

/** The dose of one ingredient at a rate, derived for display: three decimals of mg or one of mcg. */
export function dosePerDay(drug: string, rateNlPerDay: string | null | undefined, ngPerMl: string | null | undefined): Amount {
  const unit = massUnit(drug);
  const rate = parseDigits(rateNlPerDay);
  const conc = parseDigits(ngPerMl);
  if (rate === null || conc === null) return { text: UNKNOWN, unit: `${unit}/day` };
  const scale = NL_PER_ML * (unit === 'mg' ? NG_PER_MG : NG_PER_MCG);
  return { text: fixed(rate * conc, scale, unit === 'mg' ? 3 : 1, 'nearest'), unit: `${unit}/day` };
}

/** Milli-units held as integers by sensors (mV, m°C): 2975 → "2.975". */
export function milli(value: number | null | undefined, decimals: number): string {
  return value === null || value === undefined || !Number.isInteger(value) ? UNKNOWN : fixed(BigInt(value), 1000n, decimals, 'nearest');
}

/** The share of a whole in percent, 0 to 100, for pictures only. */
export function percentOf(part: string | null | undefined, whole: string | null | undefined): number | null {
  const p = parseDigits(part);
  const w = parseDigits(whole);
  if (p === null || w === null || w <= 0n) return null;
  const share = Number((p * 10_000n) / w) / 100;
  return Math.max(0, Math.min(100, share));
}

/** mL as a float for a canvas. Never print it. */
export function forDrawing(nl: string | bigint | null | undefined): number | null {
  const v = typeof nl === 'bigint' ? nl : parseDigits(nl);
  return v === null ? null : Number(v) / 1e6;
}
