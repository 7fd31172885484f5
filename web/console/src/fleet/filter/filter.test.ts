import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PumpRow } from '../../api/types';
import { type Field, FilterError, parse, print } from './language';
import { natural } from '../natural';
import { orderRows, rankBySerial } from '../order';
import { type SortKey, sortKeys } from '../search';
import { type Group, meaning } from './meaning';

const read = <T>(name: string) => JSON.parse(readFileSync(join(process.cwd(), '../..', name), 'utf8')) as T;
const { fields } = read<{ fields: Field[] }>('web/api/testdata/fields.json');

interface Vector { in: string; canonical?: string; at: number; len: number; reason?: string; allowed?: string[] }
const vectors = read<Vector[]>('fleet/filter/testdata/vectors/parse.json');

describe('the language is that of the server', () => {
  test('there is something to compare', () => expect(vectors.length).toBeGreaterThan(100));
  test.each(vectors)('$in', (v) => {
    let got: Partial<Vector>;
    try {
      got = { in: v.in, canonical: print(parse(v.in, fields)) };
    } catch (err) {
      if (!(err instanceof FilterError)) throw err;
      got = { in: v.in, at: err.at, len: err.len, reason: err.reason, allowed: err.allowed.length > 0 ? [...err.allowed] : undefined };
    }
    expect(got).toEqual(v.reason ? { in: v.in, at: v.at, len: v.len, reason: v.reason, allowed: v.allowed } : { in: v.in, canonical: v.canonical ?? '' });
    if (got.canonical) expect(print(parse(got.canonical, fields))).toBe(got.canonical);
  });
});

const match = read<{ now: number; sites: Record<string, string>; names: Record<string, string>; groups: Group[]; rows: PumpRow[]; queries: { q: string; ids: string[] }[]; orders: { sort: string; ids: string[] }[]; words: string[] }>('fleet/overview/testdata/vectors/match.json');

describe('a filter means what it means to the server', () => {
  test('there is something to compare', () => expect(match.queries.length).toBeGreaterThan(40));
  test.each(match.queries)('$q', ({ q, ids }) => {
    const means = meaning(parse(q, fields), { short: (id) => match.sites[id]!, name: (id) => match.names[id]!, groups: match.groups }, fields);
    expect(match.rows.filter((r) => means(r, match.now)).map((r) => r.id)).toEqual(ids);
  });
});

describe('the table is in the order of the server', () => {
  test('there is something to compare', () => expect(match.orders.map((o) => o.sort).toSorted()).toEqual(sortKeys.flatMap((key) => [key, `-${key}`]).toSorted()));
  test.each(match.orders)('$sort', ({ sort, ids }) => {
    const by = { key: sort.replace('-', '') as SortKey, descending: sort.startsWith('-') };
    expect(orderRows(match.rows.toReversed(), () => true, by, (id) => match.names[id]!, rankBySerial(match.rows))).toEqual(ids);
  });
  test('names', () => expect(match.words.toReversed().toSorted(natural)).toEqual(match.words));
});
