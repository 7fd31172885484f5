import type { Contents, LibraryContent, Therapy, Wish } from '../api/orders';
import { concText, drugOf, exactDose, mass, n, primaryOf } from './amounts';
import { type Draft, draftOf, fresh, type Stretch, zoneText } from './draft';
import { sameFluid } from './make';

/** nL by which a syringe may be read wrongly: what the server opens the bounds of a filled volume by (fleet/dosing, bounds). */
const SYRINGE = 500_000n;
const mL = { unit: 'mg', decimals: 3 } as const;

/** What a wish does not say, so that the form of whoever takes it up has it empty, each as words for it. */
export type Missing = 'doses' | 'priming' | 'residual';

/**
 * The form that a wish was typed into, for whoever takes up an order that came back. What a wish does not say is as the pump runs now.
 *
 * A program and a bolus are volumes, of the fluid that was in the pump when they were proposed: `of`, null if that is not known. The same
 * volume of another fluid is another dose, and is not filled in.
 */
export function draftFrom(w: Wish, t: Therapy, lib: LibraryContent | null, of: Contents | null): { d: Draft; missing: Missing[] } {
  const missing: Missing[] = [];
  const d = filled(w, t, lib, missing);
  const volumes = w.act === 'program' || w.act === 'bolus';
  if (!volumes || (of !== null && sameFluid(of, t.report.state.contents))) return { d, missing };
  const empty = (all: readonly Stretch[]): Stretch[] => all.map((s) => ({ ...s, dose: '' }));
  return { d: { ...d, day: '', stretches: empty(d.stretches), week: d.week.map(empty), ptmDose: '', bolusDose: '' }, missing: ['doses', ...missing] };
}

function filled(w: Wish, t: Therapy, lib: LibraryContent | null, missing: Missing[]): Draft {
  const branch = w.visit?.planned;
  const contents = branch?.contents ?? w.contents ?? t.report.state.contents;
  const program = branch?.program ?? w.program ?? t.report.state.program;
  // Read as if the pump ran it: the same text stands for the same amount.
  const d = draftOf({ ...t, report: { ...t.report, state: { ...t.report.state, contents, program } } }, lib, w.act);
  const code = primaryOf(contents);
  const single = (nl: string) => exactDose(drugOf(lib, code), mass(n(nl), n(contents.ingredients.find((i) => i.code === code)?.conc_ng_ml)));
  const minutes = (s: string) => (n(s) / 60n).toString();
  const flag = (of: number) => w.flags?.find((f) => f.code === of)?.reason ?? '';
  const out: Draft = { ...d, group: w.group ?? d.group, reason: w.reason ?? '', softLimit: flag(1), softStep: flag(2), life: w.life_s ? String(w.life_s / 86_400) : w.act === 'visit' ? '30' : '7' };
  if (w.act === 'bolus' && w.dose) return { ...out, bolusDose: single(w.dose.volume_nl), bolusMinutes: minutes(w.dose.duration_s) };
  if (w.act === 'prime' && w.dose) return { ...out, prime: w.dose.volume_nl === t.path.catheter_nl ? 'catheter' : w.dose.volume_nl === t.path.path_nl ? 'path' : '', primeMinutes: minutes(w.dose.duration_s) };
  if (w.settings) return { ...out, low: exactDose(mL, n(w.settings.low_nl)), denied: String(w.settings.ptm_denied) };
  if (w.act === 'adopt') return { ...out, volume: exactDose(mL, n(w.volume_nl)) };
  if (w.act === 'bind') return { ...out, patient: w.patient ?? '' };
  if (w.act === 'transfer') return { ...out, site: w.site === undefined ? '' : String(w.site) };
  if (w.zone_s !== undefined) return { ...out, zone: zoneText(w.zone_s) };
  if (!w.visit) return out;
  const b = w.visit.bounds;
  const prime = w.visit.planned.prime;
  // The bounds open a planned volume to both sides, and are cut off at nothing and at what the reservoir holds: of two ends one is enough
  // for a syringe, whose opening is known, and for what is in the pump both have to be whole.
  const whole = n(b.aspirated_min_nl) > 0n && n(b.aspirated_max_nl) < n(t.reservoir_capacity_nl);
  // By its volume alone: a catheter that was measured since, or whose length was typed, holds another one.
  const primed = prime === undefined ? '' : prime.volume_nl === t.path.path_nl ? 'path' : prime.volume_nl === t.path.catheter_nl ? 'catheter' : null;
  if (primed === null) missing.push('priming');
  if (!whole || primed === null) missing.push('residual');
  return {
    ...out, mix: contents.ingredients.map((i) => ({ key: fresh(), code: String(i.code), conc: concText(drugOf(lib, i.code), n(i.conc_ng_ml)) })), rinse: exactDose(mL, n(w.visit.rinse_nl)),
    filled: exactDose(mL, n(b.filled_min_nl) > 1n ? n(b.filled_min_nl) + SYRINGE : n(b.filled_max_nl) - SYRINGE),
    // Empty until somebody says it, as what is primed is then: nothing is proposed before.
    residual: whole && primed !== null ? exactDose(mL, (n(b.aspirated_min_nl) + n(b.aspirated_max_nl)) / 2n) : '',
    prime: primed ?? '', primeMinutes: prime ? minutes(prime.duration_s) : '',
  };
}
