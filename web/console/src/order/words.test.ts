import { describe, expect, test } from 'vitest';
import { Act, readEnvelope, readPrescription, readRelease, type Prescription } from './documents';
import { checksHold, inspectOrder, judge } from './inspect';
import { bytesOf, vector, vectors, viewOf, type Vector } from './testing-corpus';
import { describe as inWords, describeRelease, moment, Speaker, span, utc, volume, zoneName, type Words } from './words';

async function order(v: Vector) {
  const e = readEnvelope(bytesOf(v.bytes));
  if (e.kind !== 1) throw new Error(`${v.name} is no order`);
  return { p: await readPrescription(e.prescription), r: await readRelease(e.release) };
}

const flat = (w: Words): string[] => w.sections.flatMap((s) => s.lines.map((l) => `${s.title} | ${l.label} | ${l.value}`));

test('a program, as it is read', async () => {
  const v = vector('limits', 'control');
  const { p } = await order(v);
  const w = inWords(p.doc, (await viewOf(v)).library?.doc);
  expect(w.title).toBe('Change the program');
  expect(flat(w)).toEqual(expect.arrayContaining([
    'Order | Pump | MP20-000123', 'Order | Patient group | non-cancer', 'Contents | Morphine | 10 mg/mL', 'Contents | Route | intrathecal', 'Program | Mode | Continuous',
    'Program | All day | 0.24 mL (0.24 mL/day): 2.4 mg Morphine', 'Patient boluses | Patient boluses | none', 'Totals | Morphine, average day | 2.4 mg', 'Totals | Morphine, most in a day | 2.4 mg',
    'Limits | Morphine | at most 3 mg in an hour, 15 mg in 24 h; withdrawal moderate', 'Limits | Shortest lockout | 1 h',
  ]));
});

test('a visit, with both of its branches', async () => {
  const v = vector('visit', 'control');
  const { p, r } = await order(v);
  const lines = flat(inWords(p.doc, (await viewOf(v)).library?.doc));
  expect(lines).toEqual(expect.arrayContaining([
    'Refill | Aspirated, if as planned | 11 mL to 13 mL', 'As planned: contents | Morphine | 20 mg/mL', 'As planned: stages | Bridge, of the old fluid | 0.395 mL over 47 h 24 min (0.2 mL/day)',
    'As planned: totals | Morphine, in the bridge | 3.95 mg', 'Same dose: contents | Morphine | 10 mg/mL', 'Same dose: totals | Morphine, average day | 2 mg',
  ]));
  expect(describeRelease(r.doc).lines).toEqual(expect.arrayContaining([
    { label: 'Branch', value: 'as planned' }, { label: 'Aspirated', value: '12.1 mL' }, { label: 'Filled', value: '18 mL' },
  ]));
});

test('a mixture has the totals of every ingredient, each in its own unit', async () => {
  const v = vector('library', 'a listed mixture');
  const lines = flat(inWords((await order(v)).p.doc, (await viewOf(v)).library?.doc));
  expect(lines.filter((l) => l.startsWith('Totals')).map((l) => l.replace(/[\d.]+/, 'n'))).toEqual([
    'Totals | Morphine, average day | n mg', 'Totals | Morphine, most in a day | n mg', 'Totals | Clonidine, average day | n mcg', 'Totals | Clonidine, most in a day | n mcg',
  ]);
});

test('every order of the corpus that can be read has words, and no number that is misread', async () => {
  let read = 0;
  for (const v of vectors) {
    if (v.topic !== 'dn/order' || !v.document) continue;
    const e = readEnvelope(bytesOf(v.bytes));
    if (e.kind !== 1) continue;
    const { p } = await order(v);
    const w = inWords(p.doc, (await viewOf(v)).library?.doc);
    for (const line of flat(w)) {
      const value = line.split(' | ')[2]!;
      expect(value, line).not.toBe('');
      expect(value, line).not.toMatch(/undefined|NaN|null|(^|[^\d])\.\d|\d\.\d*0( |$)|\d,\d/);
    }
    read++;
  }
  expect(read).toBeGreaterThan(300);
});

test('without the library nothing is guessed', () => {
  const s = new Speaker(undefined);
  expect(s.name(7n)).toBe('ingredient 7, not in the library');
  expect(s.amount(7n, 1_500_000n)).toBe('1500000 ng');
});

test('the unit belongs to the drug, and what had to be rounded says so', async () => {
  const s = new Speaker((await viewOf(vector('limits', 'control'))).library?.doc);
  expect(s.amount(1n, 500n)).toBe('0.0005 mg');
  expect(s.amount(7n, 2_000_000n)).toBe('2000 mcg');
  expect(s.strength(7n, 150_000n)).toBe('150 mcg/mL');
  expect(s.dose(1n, 1n, 10_000_000n)).toBe('0.00001 mg');
  expect(s.dose(7n, 3n, 150_500n)).toBe('≈ 0 mcg');
  expect(s.dose(7n, 7n, 150_500n)).toBe('≈ 0.001 mcg');
});

describe('plain numbers', () => {
  test.each([[0n, '0 mL'], [1n, '0.000001 mL'], [395_000n, '0.395 mL'], [20_000_000n, '20 mL'], [12_100_000n, '12.1 mL']])('%s nL', (v, want) => expect(volume(v)).toBe(want));
  test.each([[0n, '0 s'], [90n, '1 min 30 s'], [170_640n, '47 h 24 min'], [86_400n, '24 h'], [3601n, '1 h 1 s']])('%s s', (v, want) => expect(span(v)).toBe(want));
  test.each([[0n, 86_400n, '00:00'], [21_600n, 86_400n, '06:00'], [21_601n, 86_400n, '06:00:01'], [180_000n, 604_800n, 'day 3 02:00']])('%s of %s', (t, cycle, want) => expect(moment(t, cycle)).toBe(want));
  test.each([[0n, 'UTC+00:00'], [7200n, 'UTC+02:00'], [-12_600n, 'UTC−03:30']])('zone %s', (z, want) => expect(zoneName(z)).toBe(want));
  test('a time says which it is', () => {
    expect(utc(1_777_626_000n)).toBe('2026-05-01 09:00 UTC');
    expect(utc(1_777_626_001n)).toBe('2026-05-01 09:00:01 UTC');
    expect(utc(1n << 40n)).toMatch(/ UTC$/);
  });
});

describe('what was really signed', () => {
  const keyset = async (v: Vector) => (await viewOf(v)).keyset!.doc;

  test('good seals', async () => {
    const v = vector('people', 'control');
    const i = await inspectOrder(bytesOf(v.bytes), await keyset(v));
    expect(i.approvals.map((a) => a.state)).toEqual(['good', 'good']);
    expect(i.release.state).toBe('good');
  });

  test.each([
    ['people', 'a revoked key', 'revoked'], ['people', 'a key that nobody has', 'unknown'], ['people', 'another\u0027s name on one\u0027s own key', 'unknown'],
    ['people', 'an approval of another prescription', 'other'], ['passkey', 'a signature with another key', 'wrong'], ['passkey', 'a passkey that is kept in a cloud', 'wrong'],
  ])('%s: %s is %s', async (group, name, state) => {
    const v = vector(group, name);
    const i = await inspectOrder(bytesOf(v.bytes), await keyset(v));
    expect([...i.approvals, i.release].map((s) => s.state)).toContain(state);
  });
});

test('an order is judged before it is released as it is judged when it is', async () => {
  let judged = 0;
  for (const v of vectors) {
    const late = (v.step ?? 0) >= 20;
    if (v.topic !== 'dn/order' || !late || !v.document || readEnvelope(bytesOf(v.bytes)).kind !== 1) continue;
    const view = await viewOf(v);
    const i = await inspectOrder(bytesOf(v.bytes), view.keyset!.doc);
    const p: Prescription = i.prescription.doc;
    const j = await judge(view, p, i.approvals.map((a) => a.read.doc));
    expect(j.class, `${v.group}: ${v.name}: ${j.why}`).toBe(v.class);
    if (v.code === 'applied') expect(i.approvals.length).toBeGreaterThanOrEqual(j.people);
    expect(checksHold(view, p)).toBe(true);
    judged++;
  }
  expect(judged).toBeGreaterThan(150);
});

test('numbers that do not follow are seen', async () => {
  for (const v of vectors.filter((x) => x.code === 'E_ARITH')) {
    const { p } = await order(v);
    expect(p.doc.act).not.toBe(Act.bind);
    expect(checksHold(await viewOf(v), p.doc), v.name).toBe(false);
    expect((await judge(await viewOf(v), p.doc)).code).toBe('E_ARITH');
  }
});
