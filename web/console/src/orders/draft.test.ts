import { describe, expect, test } from 'vitest';
import type { DoseProgram, Wish } from '../api/orders';
import { boundTo, type Draft, draftOf, firstKind, fresh, groupsFor, hasProgram, type Kind, kindsFor, limitFor, readZone, weekdays, zoneText } from './draft';
import { make, sameFluid } from './make';
import { flat, library, pump } from './testing-therapy';

/** From what a pump runs to a form, and from what is typed to a wish: what nobody touched stays exactly as it is. */

const idle: DoseProgram = { mode: 'minimum', cycle_s: '0', segments: [] };
const empty = () => { const t = pump({ limits: { ingredients: [] }, volume_nl: '0' }, idle, 2); t.report.state.contents = { ingredients: [], primary: 0, route: 'intrathecal' }; return t; };
const of = (kind: Kind, part: Partial<Draft> = {}, t = pump()) => make({ ...draftOf(t, library, kind), reason: 'because', ...part }, t, library);
const wish = (kind: Kind, part: Partial<Draft> = {}, t = pump()): Wish => { const m = of(kind, part, t); expect(m.wrong).toEqual({}); return m.wish!; };
const wrong = (kind: Kind, part: Partial<Draft> = {}, t = pump()) => { const m = of(kind, part, t); expect(m.wish).toBeNull(); return m.wrong; };

describe('what can be proposed', () => {
  const kinds = (t: ReturnType<typeof pump>) => kindsFor(t).flatMap((g) => g.items);
  test('for a pump that infuses', () => { expect(kinds(pump())).toEqual(['program', 'bolus', 'visit', 'prime', 'bind', 'transfer', 'erase', 'settings', 'clock']); });
  test('for one that stands: a new program, so that it begins again on less, or resume; and no bolus', () => { expect(kinds(pump({}, flat, 3))).toEqual(['program', 'resume', 'visit', 'prime', 'bind', 'transfer', 'erase', 'settings', 'clock']); });
  test('for an empty one: a refill first', () => { expect(kinds(empty())).toEqual(['visit', 'bind', 'transfer', 'settings', 'clock']); });
  test('for one that another programmer changed: adopt', () => { expect(kinds(pump({ foreign: true }))).toContain('adopt'); });
  test('what one probably comes for', () => {
    expect([firstKind(pump()), firstKind(pump({}, flat, 3)), firstKind(pump({ foreign: true })), firstKind(empty()), firstKind(pump({ patient: '00'.repeat(16) }))]).toEqual(['program', 'resume', 'adopt', 'visit', 'bind']);
    expect([boundTo(pump()), boundTo(pump({ patient: '00'.repeat(16) }))]).toEqual([true, false]);
    expect([hasProgram(pump()), hasProgram(empty())]).toEqual([true, false]);
  });
});

describe('whose limits', () => {
  const c = (...codes: number[]) => ({ ingredients: codes.map((code) => ({ code, conc_ng_ml: '1' })), primary: 0, route: 'intrathecal' as const });
  test('only groups that have limits for every drug, and that the patient is in', () => {
    expect(groupsFor(library, c(1), [])).toEqual(['cancer', 'non_cancer']);
    expect(groupsFor(library, c(1, 2), [])).toEqual(['cancer']);
    expect(groupsFor(library, c(1), ['non_cancer', 'spinal'])).toEqual(['non_cancer']);
    expect(groupsFor(library, { ...c(1), route: 'epidural' }, [])).toEqual([]);
    expect(groupsFor(library, c(), [])).toEqual([]);
    expect(groupsFor(null, c(1), [])).toEqual([]);
  });
  test('the limits of one', () => {
    expect(limitFor(library, 1, 'non_cancer', 'intrathecal')?.hard_day_ng).toBe('15000000');
    expect([limitFor(library, 1, 'spinal', 'intrathecal'), limitFor(library, 1, '', 'intrathecal'), limitFor(library, 9, 'cancer', 'intrathecal')]).toEqual([null, null, null]);
  });
});

describe('a form as the pump runs', () => {
  test('asks for exactly what runs, to the last nanolitre', () => {
    // 200 001 nL of 10 mg/mL is 2.00001 mg, which three decimals do not hold: untouched, it is not rounded.
    const odd: DoseProgram = { ...flat, segments: [{ offset_s: '0', duration_s: '86400', volume_nl: '200001' }] };
    expect(draftOf(pump({}, odd), library, 'program').day).toBe('2');
    expect(wish('program', {}, pump({}, odd)).program).toEqual(odd);
    // Typed anew, it is what was typed.
    expect(wish('program', { day: '2.1' }, pump({}, odd)).program!.segments[0]!.volume_nl).toBe('210000');
  });
  test('of a day in stretches, of a week, and with patient boluses', () => {
    const day: DoseProgram = { mode: 'flex_day', cycle_s: '86400', segments: [{ offset_s: '0', duration_s: '30600', volume_nl: '70001' }, { offset_s: '30600', duration_s: '55800', volume_nl: '130003' }], ptm: { volume_nl: '10001', duration_s: '330', lockout_s: '14430', max_24h: 4, window_s: '3600', max_window: 1 } };
    const d = draftOf(pump({}, day), library, 'program');
    expect([d.spread, d.stretches.map((s) => s.from), d.ptm]).toEqual(['day', ['00:00', '08:30'], true]);
    // Seconds that the form does not show are kept too.
    expect(wish('program', {}, pump({}, day)).program).toEqual(day);
    expect(wish('program', { ptmLockout: '300' }, pump({}, day)).program!.ptm).toEqual({ ...day.ptm, lockout_s: '18000' });
    expect(wish('program', { ptm: false }, pump({}, day)).program!.ptm).toBeUndefined();
    const week: DoseProgram = { mode: 'flex_week', cycle_s: '604800', segments: [0, 1, 2, 3, 4, 5, 6].map((i) => ({ offset_s: String(i * 86_400), duration_s: '86400', volume_nl: String(200_000 + i) })) };
    expect(draftOf(pump({}, week), library, 'program').week.map((x) => x.length)).toEqual(weekdays.map(() => 1));
    expect(wish('program', {}, pump({}, week)).program).toEqual(week);
  });
  test('a stretch whose times moved is written anew, others stay', () => {
    const day: DoseProgram = { mode: 'flex_day', cycle_s: '86400', segments: [{ offset_s: '0', duration_s: '28800', volume_nl: '70001' }, { offset_s: '28800', duration_s: '28800', volume_nl: '70003' }, { offset_s: '57600', duration_s: '28800', volume_nl: '70005' }] };
    const d = draftOf(pump({}, day), library, 'program');
    const moved = d.stretches.map((s, i) => (i === 1 ? { ...s, from: '09:00' } : s));
    expect(wish('program', { stretches: moved }, pump({}, day)).program!.segments).toEqual([
      { offset_s: '0', duration_s: '32400', volume_nl: '70000' }, { offset_s: '32400', duration_s: '25200', volume_nl: '70000' }, { offset_s: '57600', duration_s: '28800', volume_nl: '70005' },
    ]);
  });
});

describe('what is typed wrongly is said where it is', () => {
  test.each([
    ['program', { day: '.5' }, 'day', 'Write a zero before the decimal point.'], ['program', { day: '0' }, 'day', 'More than zero. To give nothing, stop the pump.'], ['program', { day: '1.2345' }, 'day', 'At most 3 decimals.'],
    ['program', { reason: '  ' }, 'reason', 'Say why: the others sign it too.'], ['program', { group: '' }, 'group', 'Choose whose limits hold.'], ['program', { life: '8' }, 'life', 'A whole number from 1 to 7.'], ['visit', { life: '31' }, 'life', 'A whole number from 1 to 30.'],
    ['bolus', { bolusDose: '' }, 'bolusDose', 'Enter a number.'], ['bolus', { bolusDose: '0.1', bolusMinutes: '721' }, 'bolusMinutes', 'A whole number from 1 to 720.'], ['prime', { primeMinutes: '5' }, 'prime', 'Choose what is to be filled.'],
    ['settings', { low: '0' }, 'low', 'More than zero.'], ['settings', { denied: '32' }, 'denied', 'A whole number from 0 to 31.'], ['adopt', { volume: '12,5' }, 'volume', 'Write a decimal point: a comma is misread.'],
    ['transfer', {}, 'site', 'Choose the site that the pump goes to.'], ['clock', { zone: '1:00' }, 'zone', 'Hours and minutes from UTC, as +01:00.'], ['program', { ptm: true, ptmDose: '0.1', ptmMax: '0' }, 'ptmMax', 'A whole number from 1 to 96.'],
  ] as [Kind, Partial<Draft>, string, string][])('%s %j', (kind, part, field, says) => { expect(wrong(kind, part)[field]).toBe(says); });

  const stretch = (from: string, dose = '1') => ({ key: fresh(), from, dose });
  test.each([
    [[stretch('01:00')], 'from0', 'The first stretch begins at 00:00.'], [[stretch('00:00'), stretch('8:30')], 'from1', 'A time as 08:30.'], [[stretch('00:00'), stretch('24:00')], 'from1', 'A time as 08:30.'],
    [[stretch('00:00'), stretch('12:00'), stretch('12:00')], 'from2', 'Later than the one before.'], [[stretch('00:00'), stretch('12:00', '5.0')], 'dose1', 'Write no zeros at the end: 5.0 is misread as 50.'],
  ] as [Draft['stretches'], string, string][])('stretches %#', (stretches, field, says) => { expect(wrong('program', { spread: 'day', stretches })[field]).toBe(says); });

  test('a week names the day, and holds no more than a pump keeps', () => {
    const week = weekdays.map(() => [stretch('00:00')]);
    expect(wrong('program', { spread: 'week', week: week.map((d, i) => (i === 5 ? [stretch('00:00', ',5')] : d)) })['5 dose0']).toMatch(/comma/);
    const many = Array.from({ length: 19 }, (_, i) => stretch(`${String(i).padStart(2, '0')}:00`));
    expect(wrong('program', { spread: 'week', week: weekdays.map(() => many.map((s) => ({ ...s, key: fresh() }))) })['0 from0']).toBe('At most 128 stretches in a week.');
  });

  test('a syringe: each drug once, chosen, of more than nothing', () => {
    const part = (code: string, conc: string) => ({ key: fresh(), code, conc });
    const mix = [part('1', '10'), part('1', '0'), part('', 'x')];
    const w = wrong('visit', { mix, filled: '18' });
    expect([w[`code ${mix[0]!.key}`], w[`code ${mix[1]!.key}`], w[`code ${mix[2]!.key}`], w[`conc ${mix[1]!.key}`]]).toEqual(['It is there twice.', 'It is there twice.', 'Choose a drug.', 'More than zero.']);
    expect(w[`conc ${mix[2]!.key}`]).toBeTruthy();
  });
});

describe('wishes of each kind', () => {
  test('a bolus, a priming, alarm settings', () => {
    expect(wish('bolus', { bolusDose: '0.2', bolusMinutes: '10' })).toEqual({ act: 'bolus', reason: 'because', group: 'non_cancer', dose: { volume_nl: '20000', duration_s: '600' } });
    const t = pump();
    t.path = { ...t.path, catheter_nl: '176000', path_nl: '276000' };
    expect(wish('prime', { prime: 'catheter', primeMinutes: '45' }, t).dose).toEqual({ volume_nl: '176000', duration_s: '2700' });
    expect(wish('prime', { prime: 'path', primeMinutes: '45' }, t).dose!.volume_nl).toBe('276000');
    expect(wish('settings', { low: '2.5', denied: '0' }).settings).toEqual({ low_nl: '2500000', ptm_denied: 0 });
  });
  test('adopt, bind, transfer, clock, erase, resume', () => {
    expect(wish('adopt', { volume: '11.5' }, pump({ foreign: true }))).toMatchObject({ volume_nl: '11500000', contents: pump().report.state.contents });
    expect([wish('bind', {}).patient, wish('bind', { patient: 'P-1' }).patient]).toEqual([undefined, 'P-1']);
    expect(wish('transfer', { site: '3' }).site).toBe(3);
    expect(wish('clock', { zone: '−03:30' }).zone_s).toBe(-12_600);
    expect([wish('erase'), wish('resume')]).toEqual([{ act: 'erase', reason: 'because' }, { act: 'resume', reason: 'because' }]);
  });
  test('an adoption says what is in the reservoir, whatever the pump believes', () => {
    const m = of('adopt', { mix: [{ key: fresh(), code: '1', conc: '20' }], volume: '11.5' }, pump({ foreign: true }));
    expect(m.wish).toMatchObject({ act: 'adopt', volume_nl: '11500000', contents: { ingredients: [{ code: 1, conc_ng_ml: '20000000' }], primary: 0, route: 'intrathecal' } });
    const mix = [{ key: fresh(), code: '1', conc: '' }];
    expect(wrong('adopt', { mix, volume: '11.5' }, pump({ foreign: true }))[`conc ${mix[0]!.key}`]).toBe('Enter a number.');
  });
  test('reasons for passing soft limits, and a reason in one line', () => {
    expect(wish('program', { reason: ' pain  at\nnight ', softLimit: ' crisis ', softStep: '' })).toMatchObject({ reason: 'pain at night', flags: [{ code: 1, reason: 'crisis' }] });
    expect(wish('program', { softLimit: 'a', softStep: 'b' }).flags).toEqual([{ code: 1, reason: 'a' }, { code: 2, reason: 'b' }]);
  });
  test('a refill: what the server computes the visit from', () => {
    const part = (code: string, conc: string) => ({ key: fresh(), code, conc });
    const m = of('visit', { mix: [part('2', '500'), part('1', '20')], lead: '1', filled: '18', residual: '2.25', rinse: '0', prime: 'path', primeMinutes: '', spread: 'flat', day: '2', group: 'cancer' });
    expect(m.wrong).toEqual({});
    // Ingredients rise by code, and the one that leads is named by its place.
    expect(m.refill).toMatchObject({ group: 'cancer', filled_nl: '18000000', residual_nl: '2250000', rinse_nl: '0', prime: 'path', contents: { ingredients: [{ code: 1, conc_ng_ml: '20000000' }, { code: 2, conc_ng_ml: '500000' }], primary: 0, route: 'intrathecal' } });
    expect(m.refill!.prime_s).toBeUndefined();
    // Another concentration: the same dose is half the volume.
    expect(m.refill!.program.segments[0]!.volume_nl).toBe('100000');
    // The length of a catheter that is not on record goes along, and of one that is does not.
    expect(of('visit', { filled: '18', catheter: '650' }).refill!.catheter_mm).toBe(650);
    const known = pump();
    known.path = { ...known.path, catheter_mm: 800 };
    expect(of('visit', { filled: '18', catheter: '650' }, known).refill!.catheter_mm).toBeUndefined();
  });
  test('while something is wrong nothing is drawn or computed; without a reason it is', () => {
    expect([of('visit', { filled: 'x' }).refill, of('program', { day: 'x' }).program]).toEqual([null, null]);
    expect(of('program', { reason: '' }).program).not.toBeNull();
    expect(of('program', { reason: '' }).wish).toBeNull();
  });
  test('the same fluid is the same in every part of it', () => {
    const c = pump().report.state.contents;
    expect(sameFluid(c, structuredClone(c))).toBe(true);
    for (const other of [{ ...c, route: 'epidural' as const }, { ...c, primary: 1 }, { ...c, ingredients: [] }, { ...c, ingredients: [{ code: 1, conc_ng_ml: '10000001' }] }, { ...c, ingredients: [{ code: 2, conc_ng_ml: '10000000' }] }]) expect(sameFluid(c, other)).toBe(false);
  });
});

describe('time zones', () => {
  test.each([['+01:00', 3600], ['-03:30', -12_600], ['−03:30', -12_600], ['+14:00', 50_400], ['+00:00', 0]] as const)('reads %s', (text, s) => { expect(readZone(text)).toBe(s); });
  test.each(['01:00', '+1:00', '+14:30', '+15:00', '+01:60', '', 'UTC', '+01:00:00'])('does not read “%s”', (text) => { expect(readZone(text)).toBeNull(); });
  test.each([3600, -12_600, 0, 50_400])('writes %d as it is read', (s) => { expect(readZone(zoneText(s))).toBe(s); });
});
