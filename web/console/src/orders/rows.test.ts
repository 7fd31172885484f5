import { describe, expect, test } from 'vitest';
import vectors from '../../../../device/order/testdata/vectors/orders/shown.json';
import type { Prescription } from '../api/orders';
import { partsOf } from './rows';

/** Every value that people sign is on the screen: changing any one of a document changes what is shown of it. */

const docs = vectors as unknown as { name: string; shown: Prescription }[];

const textOf = (p: Prescription): string => partsOf(p, null, null).flatMap((part) => part.rows.map((r) => `${part.title} | ${r.name} | ${r.now}`)).join('\n');

type Leaf = string | number;
function leavesOf(v: unknown, path: string[] = []): { path: string[]; was: Leaf }[] {
  if (typeof v === 'string' || typeof v === 'number') return [{ path, was: v }];
  return v === null || typeof v !== 'object' ? [] : Object.entries(v).flatMap(([name, x]) => leavesOf(x, [...path, name]));
}

function withLeaf(p: Prescription, path: readonly string[], to: Leaf): Prescription {
  const copy = structuredClone(p);
  let at = copy as unknown as Record<string, unknown>;
  for (const name of path.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[path[path.length - 1]!] = to;
  return copy;
}

/** Another value that is far enough away to be seen at the decimals of the drug. */
function other(v: Leaf): Leaf {
  if (typeof v === 'number') return v === 0 ? 1 : 2 * v;
  if (/^\d+$/.test(v)) return (2n * BigInt(v) + 1_000_000n).toString();
  return `${v}x`;
}

/** Beside the table: the format, which is one, and the kind of order, which is the heading. */
const elsewhere = new Set(['v', 'act']);

describe.each(docs.map((d) => [d.name, d.shown] as const))('%s', (_, shown) => {
  test('shows every value', () => {
    const text = textOf(shown);
    expect(text).not.toMatch(/undefined|NaN/);
    for (const { path, was } of leavesOf(shown)) {
      if (elsewhere.has(path[0]!)) continue;
      // Which ingredient leads says something only of a mixture.
      if (path.at(-1) === 'primary' && withLeaf(shown, path, was) && leavesOf(shown).filter((l) => l.path.slice(0, -3).join() === path.slice(0, -1).join() && l.path.at(-1) === 'code' && l.path.at(-3) === 'ingredients').length < 2) continue;
      // A check number of zero is of something that the order has not, and the pump computes the same.
      if (path.includes('checks') && was === '0') continue;
      expect(textOf(withLeaf(shown, path, other(was))), `${path.join('.')} ${String(was)}`).not.toBe(text);
    }
  });
});
