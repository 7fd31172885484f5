/**
 * Numbers that people type beside a printed unit. The rules are those of the server: digits with at most one decimal point, a
 * zero before it, no zeros at the end of the decimals, no comma. The result is a digit string of the smallest unit; nothing
 * goes through a float.
 */

export type Entry = { readonly digits: string } | { readonly wrong: string };

/** Reads a number of units of 10^decimals of the smallest one: "4.2" mL with 6 decimals is "4200000" nL. */
export function readNumber(text: string, decimals: number): Entry {
  const t = text.trim();
  if (t.includes(',')) return { wrong: 'Write a decimal point: a comma is misread.' };
  if (/[+-]/.test(t)) return { wrong: 'Write the number without a sign.' };
  if (t.startsWith('.')) return { wrong: 'Write a zero before the decimal point.' };
  const m = /^(\d+)(?:\.(\d+))?$/.exec(t);
  if (!m) return { wrong: 'Write digits, with at most one decimal point.' };
  const [, whole = '', part = ''] = m;
  if (whole.length > 1 && whole.startsWith('0')) return { wrong: 'Write no zeros before the first digit.' };
  if (part.endsWith('0')) return { wrong: 'Write no zeros at the end: 5.0 is misread as 50.' };
  if (part.length > decimals) return { wrong: `At most ${decimals} decimals.` };
  const digits = BigInt(whole + part.padEnd(decimals, '0')).toString();
  return digits.length > 15 ? { wrong: 'The number is too large.' } : { digits };
}

export const readMillilitres = (text: string): Entry => readNumber(text, 6);

/** The words for a field: nothing while it is empty. */
export function entryError(text: string, decimals = 6): string | undefined {
  if (text.trim() === '') return undefined;
  const e = readNumber(text, decimals);
  return 'wrong' in e ? e.wrong : undefined;
}
