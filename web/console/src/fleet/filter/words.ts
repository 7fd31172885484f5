/** How words and values are written in a filter. A part of its own: addresses need it before the language itself is there. */

export const blank = (c: string) => c === ' ' || c === '\t' || c === '\n' || c === '\r' || c === '\u00A0';
export const valueChar = (c: string) => !blank(c) && !'()",'.includes(c);
export const fold = (s: string) => s.toLowerCase();

export const word = (s: string, bare: boolean) => (bare ? s : `"${s.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);

/** A value as it must be written. */
export const writeValue = (v: string) => word(v, v !== '' && [...v].every(valueChar) && fold(v) !== 'none' && !v.startsWith('='));
