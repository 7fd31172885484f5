import { describe, expect, test } from 'vitest';
import vectors from '../../../../device/order/testdata/vectors/orders/shown.json';
import { readPrescription } from './documents';
import { differences, inWords, namesOf } from './shown';
import { bytesOf } from './testing-corpus';

/** The bytes to sign beside what the API shows of them, for a prescription of every act and of every shape. */

interface Doc { readonly name: string; readonly bytes: string; readonly shown: Record<string, unknown> }
const docs = vectors as unknown as Doc[];

type Leaf = string | number;
/** Every value in a document with the way to it, and how to put another in its place. */
function leavesOf(v: unknown, path: string[] = []): { path: string; set: (root: unknown, to: Leaf | undefined) => void; was: Leaf }[] {
  if (typeof v === 'string' || typeof v === 'number') {
    const set = (root: unknown, to: Leaf | undefined) => {
      let at = root as Record<string, unknown>;
      for (const p of path.slice(0, -1)) at = at[p] as Record<string, unknown>;
      const last = path[path.length - 1]!;
      if (to === undefined) delete at[last];
      else at[last] = to;
    };
    return [{ path: path.join('.'), set, was: v }];
  }
  if (v === null || typeof v !== 'object') return [];
  return Object.entries(v).flatMap(([name, x]) => leavesOf(x, [...path, name]));
}

const changed = (v: Leaf): Leaf => (typeof v === 'number' ? v + 1 : /^\d+$/.test(v) ? (BigInt(v) + 1n).toString() : `${v}x`);

test('there is a document of every act', () => {
  expect(new Set(docs.map((d) => d.shown.act))).toEqual(new Set(['program', 'bolus', 'prime', 'visit', 'bind', 'settings', 'resume', 'erase', 'adopt', 'transfer', 'clock']));
});

describe.each(docs.map((d) => [d.name, d] as const))('%s', (_, d) => {
  test('what is shown is what the bytes say', async () => {
    const { doc } = await readPrescription(bytesOf(d.bytes));
    expect(differences(doc, d.shown)).toEqual([]);
  });

  test('a change of any one value is found, and so is one that is not shown', async () => {
    const { doc } = await readPrescription(bytesOf(d.bytes));
    const all = leavesOf(d.shown);
    expect(all.length).toBeGreaterThan(10);
    for (const leaf of all) {
      for (const to of [changed(leaf.was), undefined]) {
        const copy = structuredClone(d.shown);
        leaf.set(copy, to);
        expect(differences(doc, copy), `${leaf.path} as ${String(to)}`).toContain(leaf.path);
        expect(inWords(leaf.path), leaf.path).not.toContain('“');
      }
    }
  });

  test('a segment, an ingredient or a setting too many is found', async () => {
    const { doc } = await readPrescription(bytesOf(d.bytes));
    const more: [string, (s: Record<string, any>) => void][] = [
      ['program.segments.length', (s) => { (s.program ??= {}).segments = [...(s.program.segments ?? []), { offset_s: '0', duration_s: '1', volume_nl: '1' }]; }],
      ['contents.ingredients.length', (s) => { (s.contents ??= {}).ingredients = [...(s.contents.ingredients ?? []), { code: 1, conc_ng_ml: '1' }]; }],
      ['flags.length', (s) => { s.flags = [...(s.flags ?? []), { code: 1, reason: 'x' }]; }],
      ['dose_rate', (s) => { s.dose_rate = '1'; }],
      ['program.ptm.extra', (s) => { ((s.program ??= {}).ptm ??= {}).extra = 1; }],
    ];
    for (const [path, change] of more) {
      const copy = structuredClone(d.shown) as Record<string, any>;
      change(copy);
      expect(differences(doc, copy)).toContain(path);
    }
  });
});

test('a difference is said in words', () => {
  expect(inWords('program.segments.1.volume_nl')).toBe('program, segment 2, volume');
  expect(inWords('visit.planned.program.ptm.lockout_s')).toBe('visit, as planned, program, patient bolus, lockout');
  expect(inWords('dose_rate')).toBe('“dose_rate”');
  expect(namesOf(['limits.ingredients.0.max_24h_ng', 'reason'])).toBe('hard limits, ingredient 1, most in 24 h; reason');
  expect(namesOf(['a', 'b', 'c', 'd', 'e', 'f'])).toBe('“a”; “b”; “c”; “d”; and 2 more');
});
