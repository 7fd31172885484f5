import type { LibraryContent, Therapy, Wish } from '../api/orders';
import { concText, drugOf, exactDose, mass, n, primaryOf } from './amounts';
import { type Draft, draftOf, fresh, zoneText } from './draft';

/** nL by which a syringe may be read wrongly: what the server opens the bounds of a filled volume by (fleet/dosing, bounds). */
const SYRINGE = 500_000n;
const mL = { unit: 'mg', decimals: 3 } as const;

/** The form that a wish was typed into, for whoever takes up an order that came back. What a wish does not say is as the pump runs now. */
export function draftFrom(w: Wish, t: Therapy, lib: LibraryContent | null): Draft {
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
  return {
    ...out, mix: contents.ingredients.map((i) => ({ key: fresh(), code: String(i.code), conc: concText(drugOf(lib, i.code), n(i.conc_ng_ml)) })), rinse: exactDose(mL, n(w.visit.rinse_nl)),
    // The bounds open a planned volume to both sides, and are cut off at nothing and at what the reservoir holds.
    filled: exactDose(mL, n(b.filled_min_nl) > 1n ? n(b.filled_min_nl) + SYRINGE : n(b.filled_max_nl) - SYRINGE),
    residual: n(b.aspirated_min_nl) > 0n ? exactDose(mL, (n(b.aspirated_min_nl) + n(b.aspirated_max_nl)) / 2n) : d.residual,
    prime: prime === undefined ? '' : prime.volume_nl === t.path.catheter_nl ? 'catheter' : 'path', primeMinutes: prime ? minutes(prime.duration_s) : '',
  };
}
