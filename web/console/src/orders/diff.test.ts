import { describe, expect, test } from 'vitest';
import type { DoseProgram, Prescription, Therapy } from '../api/orders';
import { mostDay, mostMass } from './amounts';
import { countDiffering, differs, lines, markText, type Part, type Row } from './diff';
import { partsOf } from './rows';
import { stopParts } from './stoprows';
import { control, doc, docs, flat, pump } from './testing-therapy';
import { alike, byWeekday, dayNames, weekSpan } from './week';

/** What differs from what runs has a sign and a word, for every kind of order. Orders are those of the corpus; drugs have numbers for names. */

const text = (r: Row) => `${r.name}: ${r.old} → ${r.now} [${markText(r)}]`;
/** The lines that differ, with the part that they stand in. */
const marked = (parts: readonly Part[]): string[] => parts.flatMap((p) => p.rows.filter(differs).map((r) => `${p.title} | ${text(r)}`));
const markedOf = (p: Prescription, t: Therapy, names = {}) => marked(partsOf(p, t, null, names));

describe('a line', () => {
  const line = lines(true);
  test.each([
    ['same', line('x', 'a', 'a')], ['changed', line('x', 'a', 'b')], ['new', line('x', null, 'b')], ['removed', line('x', 'a', null)], ['same', line('x', null, null)],
  ])('%s', (mark, row) => {
    expect(row.mark).toBe(mark);
    expect([row.old, row.now]).not.toContain(null);
    expect(differs(row)).toBe(mark !== 'same');
  });
  test('by how much is said only of what has changed', () => {
    expect(markText(line('x', 'a', 'b', { change: '+5.0 %' }))).toBe('changed +5.0 %');
    expect(markText(line('x', null, 'b', { change: '+5.0 %' }))).toBe('new');
    expect(markText(line('x', 'a', 'a', { change: 'no change' }))).toBe('same');
  });
  test('without anything to compare with there is no mark', () => {
    const row = lines(false)('x', 'a', 'b');
    expect([row.mark, row.old, row.now]).toEqual([null, null, 'b']);
  });
});

describe('what is marked', () => {
  test('a program', () => {
    expect(markedOf(doc('form: a program, for two people'), pump())).toEqual([
      'Program | 00:00–24:00: 2000.000 mcg in 0.200000 mL → 2400.000 mcg in 0.240000 mL [changed +20.0 %]', 'In a day | Ingredient 1 a day: 2000.000 mcg → 2400.000 mcg [changed +20.0 %]',
      'In a day | Ingredient 1 at most, with every patient bolus: 2000.000 mcg → 2400.000 mcg [changed +20.0 %]', 'In a day | Volume a day: 0.200000 mL → 0.240000 mL [changed +20.0 %]',
    ]);
  });

  test('hard limits, each by itself, and a dose that only another volume brings', () => {
    const p = doc('form: a program, for two people');
    const t = pump({ limits: { ...p.limits!, ingredients: p.limits!.ingredients.map((i) => ({ ...i, max_24h_ng: '12000000' })) } }, { ...p.program!, segments: p.program!.segments.map((s) => ({ ...s, volume_nl: String(2n * BigInt(s.volume_nl)) })) });
    t.report.state.contents = { ...p.contents!, ingredients: p.contents!.ingredients.map((i) => ({ ...i, conc_ng_ml: String(BigInt(i.conc_ng_ml) / 2n) })) };
    const all = markedOf(p, t);
    expect(all).toContain('Hard limits that the pump keeps | Ingredient 1, most in 24 h: 12000 mcg → 15000 mcg [changed +25.0 %]');
    expect(all.some((l) => l.includes('most in 1 h'))).toBe(false);
    expect(all).toContain('Program | 00:00–24:00: 2400.000 mcg in 0.480000 mL → 2400.000 mcg in 0.240000 mL [changed in volume only]');
  });

  test('patient boluses that are new, and that end', () => {
    const p = doc('numbers: with patient boluses');
    const begun = markedOf(p, pump()).filter((l) => l.startsWith('Patient boluses'));
    expect(begun.map((l) => l.slice(l.lastIndexOf('[')))).toEqual(['[changed]', '[new]', '[new]', '[new]', '[new]', ...begun.slice(5).map(() => '[new]')]);
    expect(begun[0]).toBe('Patient boluses | Allowed: no → yes [changed]');
    const over = markedOf(doc('form: a program, for two people'), pump({}, p.program)).filter((l) => l.startsWith('Patient boluses'));
    expect(over[0]).toBe('Patient boluses | Allowed: yes → no [changed]');
    expect(over.slice(1).every((l) => l.endsWith('[removed]'))).toBe(true);
    expect(over.length).toBe(begun.length);
  });

  test('a week, by its days', () => {
    const halves = (d: number, volume: string) => [{ offset_s: String(d * 86_400), duration_s: '43200', volume_nl: '100000' }, { offset_s: String(d * 86_400 + 43_200), duration_s: '43200', volume_nl: volume }];
    const p = doc("numbers: a week's program");
    p.checks = [];
    p.program = { ...p.program!, segments: [0, 1, 2, 3, 4, 5, 6].flatMap((d) => halves(d, d > 4 ? '90000' : '100000')) };
    const was: DoseProgram = { mode: 'flex_day', cycle_s: '86400', segments: halves(0, '100000') };
    const rows = partsOf(p, pump({}, was), null).find((x) => x.title === 'Program')!.rows.map(text);
    expect(rows).toEqual([
      'Mode: Flexible over the day → Flexible over the week [changed]', 'Repeats every: 24 h → 168 h [changed]',
      'Monday–Friday 00:00–12:00: 1000.000 mcg in 0.100000 mL → 1000.000 mcg in 0.100000 mL [same]', 'Monday–Friday 12:00–24:00: 1000.000 mcg in 0.100000 mL → 1000.000 mcg in 0.100000 mL [same]',
      'Monday–Friday, in all: 2000.000 mcg in 0.200000 mL → 2000.000 mcg in 0.200000 mL [same]',
      'Saturday, Sunday 00:00–12:00: 1000.000 mcg in 0.100000 mL → 1000.000 mcg in 0.100000 mL [same]', 'Saturday, Sunday 12:00–24:00: 1000.000 mcg in 0.100000 mL → 900.000 mcg in 0.090000 mL [changed −10.0 %]',
      'Saturday, Sunday, in all: 2000.000 mcg in 0.200000 mL → 1900.000 mcg in 0.190000 mL [changed −5.0 %]',
    ]);
    // Back to one rate: the stretches of the days end, and none of them is called nothing.
    const back = partsOf(doc('form: a program, for two people'), pump({}, p.program), null).find((x) => x.title === 'Program')!.rows.map(text);
    expect(back).toContain('Saturday, Sunday 12:00–24:00: 900.000 mcg in 0.090000 mL → no such stretch [removed]');
    expect(back).toContain('Monday–Friday 00:00–24:00: no such stretch → 2400.000 mcg in 0.240000 mL [new]');
  });

  test('a bridge, and the rest of one that runs', () => {
    const p = doc('path: strong fluid at its pace');
    const of = (t: Therapy) => markedOf(p, t).filter((l) => l.startsWith('Bridge') || l.startsWith('Given once'));
    expect(of(pump())).toEqual(['Bridge, of the old fluid | Volume: none → 0.2 mL [new]', 'Bridge, of the old fluid | Over: none → 48 h [new]', 'Given once | Ingredient 1 in the bridge: none → 4000 mcg [new]']);
    expect(of(pump({ bridge: true }))[0]).toBe('Bridge, of the old fluid | Volume: what is left of a running one → 0.2 mL [changed]');
    const path = [{ contents: p.contents!, left_nl: '250000', ceiling: { max_1h_nl: '0', max_24h_nl: '0' } }];
    expect(of(pump({ bridge: true, path, pace: { volume_nl: '395000', duration_s: '170640' } })).slice(0, 2)).toEqual([
      'Bridge, of the old fluid | Volume: 0.25 mL left → 0.2 mL [changed]', 'Bridge, of the old fluid | Over: 30 h → 48 h [changed]',
    ]);
  });

  test('a bolus and a priming bolus', () => {
    const bolus = markedOf(doc('time: a bolus of 15 minutes'), pump());
    expect(bolus).toEqual([
      'Bolus, on top of the program | Ingredient 1: none → 200.000 mcg [new]', 'Bolus, on top of the program | Volume: none → 0.02 mL [new]', 'Bolus, on top of the program | Over: none → 10 min [new]',
      'In all | Ingredient 1 at once: none → 200 mcg [new]',
    ]);
    const prime = markedOf(doc('prime: control'), pump());
    expect(prime.map((l) => l.split(' | ')[0])).toEqual(['Priming bolus', 'Priming bolus', 'Priming bolus', 'In all']);
    expect(prime.every((l) => l.endsWith('[new]'))).toBe(true);
  });

  test('a refill, with both of its outcomes', () => {
    const empty = pump({ limits: { ingredients: [] }, volume_nl: '0' }, { mode: 'minimum', cycle_s: '0', segments: [] }, 2);
    empty.report.state.contents = { ingredients: [], primary: 0, route: 'intrathecal' };
    const all = markedOf(doc('visit: the first fill, by three'), empty);
    for (const line of [
      'The pump | It is: at minimum rate → infusing [changed]', 'Refill | In the reservoir, if as planned: 0.00 mL, as the pump reckons → 17 mL to 19 mL filled in [changed]',
      'As planned: in the reservoir | Ingredient 1: none → 10000 mcg/mL [new]', 'As planned: program | Mode: Minimum rate → Continuous [changed]', 'As planned: in a day | Ingredient 1 a day: none → 500.000 mcg [new]',
      'As planned: priming bolus | Volume: none → 0.395 mL [new]', 'Same dose: program | Mode: Minimum rate → Stopped [changed]', 'As planned: hard limits that the pump keeps | Shortest lockout: the device’s own → 1 h [changed]',
    ]) expect(all).toContain(line);
    // Another fluid: what goes is named, and what it gave.
    const other = pump();
    other.report.state.contents = { ingredients: [{ code: 2, conc_ng_ml: '500000' }], primary: 0, route: 'intrathecal' };
    const exchanged = markedOf(doc('visit: the first fill, by three'), other);
    expect(exchanged).toContain('As planned: in the reservoir | Ingredient 2: 500 mcg/mL → none [removed]');
    expect(exchanged).toContain('As planned: in a day | Ingredient 2 a day: 100.000 mcg → none [removed]');
  });

  test('a transfer, a clock, a bind', () => {
    const transfer = doc('transfer: control');
    const [site, keys, epoch] = markedOf(transfer, pump(), { site: 'Old house', to: 'New house' });
    expect(site).toBe(`Transfer | Site: Old house, id ${transfer.site} → New house, id ${transfer.transfer!.site} [changed]`);
    expect([keys!.endsWith('[changed]'), epoch]).toEqual([true, 'Transfer | Epoch of the pump: 3 → 4 [changed]']);
    expect(markedOf(doc('zone: the furthest west'), pump({ trusted: false }))).toEqual([
      'Clock | Time: not trusted by the pump → the moment of the release [changed]', 'Clock | Time zone: not told by the pump; the site has UTC+01:00 → UTC−14:00 [changed]',
    ]);
    const bind = doc('bind: control');
    bind.patient = 'ff'.repeat(16);
    expect(markedOf(bind, pump(), { patient: 'P-NEW' })).toEqual(['Patient | Patient: P-OLD → P-NEW [changed]', 'Patient | Epoch of the pump: 3 → 4 [changed]']);
    // A name that nobody has checked is not shown.
    expect(markedOf(bind, pump())[0]).toBe('Patient | Patient: P-OLD → id ffffffff [changed]');
  });

  test('an adoption', () => {
    const all = markedOf(control, pump({ foreign: true }));
    expect(all).toEqual(['The pump | Programmed by: another maker’s programmer → an order [changed]', 'Reservoir | Volume in it: 12.00 mL, as the pump reckons → 11.5 mL [changed]']);
  });

  test('an erased program, and one that is resumed', () => {
    expect(markedOf(doc('erase: control'), pump())).toEqual([
      'The pump | It is: infusing → at minimum rate [changed]', 'Program | Mode: Continuous → Minimum rate [changed]', 'Program | Repeats every: 24 h → nothing repeats [removed]',
      'Program | 00:00–24:00: 2000.000 mcg in 0.200000 mL → no such stretch [removed]', 'In a day | Ingredient 1 a day: 2000.000 mcg → only the minimum rate [changed]',
      'In a day | Ingredient 1 at most, with every patient bolus: 2000.000 mcg → only the minimum rate [changed]', 'In a day | Volume a day: 0.200000 mL → only the minimum rate [changed]',
    ]);
    expect(markedOf(doc('keyset: expired, and two people resume'), pump({}, flat, 3))).toEqual([
      'The pump | It is: stopped → infusing [changed]', 'In a day | Ingredient 1 a day: nothing → 2000.000 mcg [changed]', 'In a day | Ingredient 1 at most, with every patient bolus: nothing → 2000.000 mcg [changed]',
      'In a day | Volume a day: nothing → 0.200000 mL [changed]',
    ]);
    // What stands, stands on: an order that does not move the pump promises no dose.
    expect(markedOf(doc('zone: the furthest west'), pump({}, flat, 3)).every((l) => l.startsWith('Clock'))).toBe(true);
    expect(partsOf(doc('zone: the furthest west'), pump({}, flat, 2), null).find((x) => x.title === 'In a day')!.rows.map((r) => r.now)).toEqual(['only the minimum rate', 'only the minimum rate', 'only the minimum rate']);
  });

  test('alarm settings', () => {
    expect(markedOf(doc('quorum: a policy of three for programs, and a settings order by two'), pump())).toEqual(['Alarm settings | Low-reservoir alarm at: 2 mL → 3 mL [changed]']);
  });

  test('a stop', () => {
    const week = doc('numbers: with patient boluses').program!;
    expect(marked(stopParts(pump({}, week), null, true)).map((l) => l.slice(l.indexOf('→')))).toEqual(['→ stopped [changed]', '→ nothing [changed]', '→ none [changed]']);
    expect(marked(stopParts(pump(), null, false))[0]).toBe('The pump | It is: infusing → stopped, or at minimum rate as its drugs need [changed]');
  });

  test('nothing, of an order for what runs', () => {
    const p = doc('form: a program, for two people');
    const same = pump({}, p.program);
    expect(countDiffering(partsOf(p, same, null))).toBe(0);
  });

  // Whatever an order changes is marked, and nothing is that stays: each of the corpus against a pump that runs what it asks for.
  test.each(docs.filter((d) => d.shown.act === 'program').map((d) => [d.name, d.shown] as const))('%s, against itself', (_, p) => {
    const t = pump({ limits: p.limits! }, p.program);
    t.report.state.contents = p.contents!;
    expect(markedOf({ ...p, bridge: undefined, checks: p.checks!.filter((c) => p.contents!.ingredients.some((i) => i.code === c.code)).map((c) => ({ ...c, bridge_ng: '0' })) } as Prescription, t)).toEqual([]);
  });
});

describe('weekdays', () => {
  test.each([
    [[0, 1, 2, 3, 4, 5, 6], 'Every day'], [[0, 1, 2, 3, 4], 'Monday–Friday'], [[5, 6], 'Saturday, Sunday'], [[0, 2, 4], 'Monday, Wednesday, Friday'], [[0, 1, 2, 6], 'Monday–Wednesday, Sunday'], [[3], 'Thursday'],
  ])('%j is %s', (days, name) => { expect(dayNames(days)).toBe(name); });

  test('a stretch over midnight has both of its days, and no day is made up for it', () => {
    const night: DoseProgram = { mode: 'flex_week', cycle_s: '604800', segments: [{ offset_s: '79200', duration_s: '28800', volume_nl: '1' }] };
    expect(byWeekday(night)).toBeNull();
    expect(weekSpan(night.segments[0]!)).toBe('Monday 22:00–Tuesday 06:00');
    const p = { ...doc('form: a program, for two people'), program: night };
    expect(partsOf(p, pump(), null).find((x) => x.title === 'Program')!.rows.map((r) => r.name)).toContain('Monday 22:00–Tuesday 06:00');
  });

  test('days are alike only if they are on both sides', () => {
    const all = (f: (d: number) => bigint) => [0, 1, 2, 3, 4, 5, 6].map((d) => [{ key: '00:00–24:00', volume: f(d) }]);
    expect(alike(all(() => 1n), all(() => 1n))).toEqual([[0, 1, 2, 3, 4, 5, 6]]);
    expect(alike(all((d) => (d === 2 ? 2n : 1n)), all((d) => (d > 4 ? 2n : 1n)))).toEqual([[0, 1, 3, 4], [2], [5, 6]]);
  });
});

describe('the most of any 24 hours', () => {
  test.each(docs.filter((d) => d.shown.program && d.shown.checks).map((d) => [d.name, d.shown] as const))('%s: as signed', (_, p) => {
    for (const c of p.checks!.filter((x) => p.contents!.ingredients.some((i) => i.code === x.code))) {
      // The pump of the corpus keeps its tubing open with 0.006 mL a day.
      expect(mostMass(p.program!, BigInt(p.contents!.ingredients.find((i) => i.code === c.code)!.conc_ng_ml), 6000n).toString()).toBe(c.worst_ng);
    }
  });
  test('of a lockout that permits fewer than the count', () => {
    const p: DoseProgram = { ...flat, ptm: { volume_nl: '1000', duration_s: '60', lockout_s: '28800', max_24h: 10 } };
    expect(mostDay(p)).toBe(203_000n);
  });
});
