import { describe, expect, test } from 'vitest';
import type { DoseProgram, Wish } from '../api/orders';
import { type Draft, draftOf, fresh, type Kind } from './draft';
import { make } from './make';
import { flat, library, pump } from './testing-therapy';
import { draftFrom } from './wished';

/** An order that came back is taken up as it was asked for: from the form to a wish, and back to the same wish. */

const t = pump({ foreign: true });
t.path = { ...t.path, catheter_nl: '176000', path_nl: '276000' };
const asked = (kind: Kind, part: Partial<Draft>): Wish => { const m = make({ ...draftOf(t, library, kind), reason: 'because', ...part }, t, library); expect(m.wrong).toEqual({}); return m.wish!; };
const of = t.report.state.contents;
const again = (w: Wish): Wish | null => make(draftFrom(w, t, library, of).d, t, library).wish;

describe('the same wish again', () => {
  test.each([
    ['program', { day: '2.1', life: '3', softLimit: 'crisis', softStep: 'pain' }],
    ['program', { spread: 'day', stretches: [{ key: fresh(), from: '00:00', dose: '0.7' }, { key: fresh(), from: '08:30', dose: '1.25' }], ptm: true, ptmDose: '0.05', ptmMinutes: '5', ptmLockout: '90', ptmMax: '3' }],
    ['bolus', { bolusDose: '0.2', bolusMinutes: '12' }], ['prime', { prime: 'catheter', primeMinutes: '45' }], ['prime', { prime: 'path', primeMinutes: '45' }], ['settings', { low: '2.5', denied: '3' }],
    ['adopt', { mix: [{ key: fresh(), code: '1', conc: '20' }], volume: '11.5' }], ['bind', { patient: 'P-1' }], ['transfer', { site: '3' }], ['clock', { zone: '-03:30' }], ['erase', {}], ['resume', {}],
  ] as [Kind, Partial<Draft>][])('%s %j', (kind, part) => {
    const w = asked(kind, part);
    expect(again(w)).toEqual(w);
    expect(draftFrom(w, t, library, of).missing).toEqual([]);
  });
});

test('a visit: the mixture, the program and the volumes that its bounds were opened from', () => {
  const contents = { ingredients: [{ code: 1, conc_ng_ml: '20000000' }], primary: 0, route: 'intrathecal' as const };
  const program: DoseProgram = { ...flat, segments: [{ offset_s: '0', duration_s: '86400', volume_nl: '110000' }] };
  const branch = { contents, program, limits: { ingredients: [] }, checks: [], prime: { volume_nl: '276000', duration_s: '2700' } };
  const bounds = { aspirated_min_nl: '1500000', aspirated_max_nl: '3500000', filled_min_nl: '17500000', filled_max_nl: '18500000' };
  const wish: Wish = { act: 'visit', group: 'cancer', reason: 'refill', life_s: 864_000, visit: { planned: branch, same: branch, bounds, rinse_nl: '4000000' } };
  const m = make(draftFrom(wish, t, library, null).d, t, library);
  expect(m.wrong).toEqual({});
  expect(m.refill).toEqual({ group: 'cancer', contents, program, filled_nl: '18000000', residual_nl: '2500000', rinse_nl: '4000000', prime: 'path', prime_s: '2700' });
  // As much as the reservoir holds cuts one bound off, and so does next to nothing.
  expect(draftFrom({ ...wish, visit: { ...wish.visit!, bounds: { ...bounds, filled_min_nl: '19500000', filled_max_nl: '20000000' } } }, t, library, null).d.filled).toBe('20');
  expect(draftFrom({ ...wish, visit: { ...wish.visit!, bounds: { ...bounds, filled_min_nl: '1', filled_max_nl: '800000' } } }, t, library, null).d.filled).toBe('0.3');

  // What its bounds were cut off at is not what was typed, and neither is what another catheter holds.
  for (const cut of [{ aspirated_min_nl: '0', aspirated_max_nl: '1500000' }, { aspirated_min_nl: '18500000', aspirated_max_nl: '20000000' }]) {
    const got = draftFrom({ ...wish, visit: { ...wish.visit!, bounds: { ...bounds, ...cut } } }, t, library, null);
    expect([got.missing, got.d.residual, got.d.prime]).toEqual([['residual'], '', 'path']);
    expect(make(got.d, t, library).wrong).toHaveProperty('residual');
  }
  const measured = { ...t, path: { ...t.path, catheter_nl: '180000', path_nl: '280000' } };
  const other = draftFrom(wish, measured, library, null);
  expect([other.missing, other.d.prime]).toEqual([['priming', 'residual'], '']);
  expect(make(other.d, measured, library).wish).toBeNull();
});

describe('the same volume of another fluid is another dose', () => {
  const stronger = pump({ foreign: true });
  stronger.report.state.contents = { ...of, ingredients: of.ingredients.map((i) => ({ ...i, conc_ng_ml: (BigInt(i.conc_ng_ml) * 2n).toString() })) };
  test.each([
    ['program', { day: '2.1' }], ['program', { spread: 'day', stretches: [{ key: fresh(), from: '00:00', dose: '0.7' }, { key: fresh(), from: '08:30', dose: '1.25' }], ptm: true, ptmDose: '0.05', ptmMinutes: '5', ptmLockout: '90', ptmMax: '3' }], ['bolus', { bolusDose: '0.2', bolusMinutes: '12' }],
  ] as [Kind, Partial<Draft>][])('%s %j', (kind, part) => {
    for (const was of [of, null]) {
      const { d, missing } = draftFrom(asked(kind, part), was === null ? t : stronger, library, was);
      expect(missing).toEqual(['doses']);
      expect([d.day, d.ptmDose, d.bolusDose, ...d.stretches.map((s) => s.dose), ...d.week.flat().map((s) => s.dose)].filter((x) => x !== '')).toEqual([]);
      expect(make(d, stronger, library).wish).toBeNull();
    }
  });
  test('a setting is none', () => {
    expect(draftFrom(asked('settings', { low: '2.5', denied: '3' }), stronger, library, of).missing).toEqual([]);
  });
});
