/**
 * The order in which people count and look names up: "P9" is before "P10", and upper and lower case, and letters with and
 * without marks, are the same unless nothing else differs. The server sorts lists and files by the same rule
 * (fleet/overview/natural.go, and the vectors of both).
 */
export function natural(a: string, b: string): number {
  return compare(counted(a), counted(b)) || compare(a, b);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const known = new Map<string, string>();
const remembered = 50_000;

/** A string that sorts by its code units as `text` does by the rule: without marks, in lower case, each number behind its length. */
function counted(text: string): string {
  let out = known.get(text);
  if (out === undefined) {
    if (known.size >= remembered) known.clear();
    out = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replace(/[0-9]+/g, (digits) => {
      const number = digits.replace(/^0+/, '');
      // A number against another character is a digit against it.
      return `0${String.fromCharCode(number.length)}${number}`;
    });
    known.set(text, out);
  }
  return out;
}
