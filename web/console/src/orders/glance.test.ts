import { expect, test } from 'vitest';
import { glance } from './glance';
import { doc, library, pump } from './testing-therapy';

/** What a list says of an order is what its page says of the doses of a day. */

const said = (name: string, ran: Parameters<typeof glance>[1]) => glance(doc(name), ran, library).map((r) => [r.name, r.old, r.now]);

test('a visit is told of by its planned branch', () => {
  const rows = said('visit: the first fill, by three', null);
  expect(rows.length).toBeGreaterThan(0);
  for (const [name, old] of rows) {
    expect(name).toMatch(/ a day$/);
    expect(old).toBeNull();
  }
});
test('a dose that stays is no line, and the volume is none', () => {
  const p = doc('form: a program, for two people');
  expect(glance({ ...p, program: pump().report.state.program!, checks: [] }, pump(), library)).toEqual([]);
});
test('what asks for no dose of a day says nothing', () => {
  expect(said('bind: control', pump())).toEqual([]);
  expect(said('prime: control', pump())).toEqual([]);
});
