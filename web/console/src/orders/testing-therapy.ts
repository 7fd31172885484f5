import vectors from '../../../../device/order/testdata/vectors/orders/shown.json';
import type { DoseProgram, LibraryContent, Prescription, Therapy } from '../api/orders';

/** What tests of the dose screens share: orders of the corpus, a pump that could get them, and a drug library. */

export const docs = vectors as unknown as { name: string; shown: Prescription }[];
export function doc(name: string): Prescription {
  const found = docs.find((d) => d.name === name);
  if (!found) throw new Error(`the corpus has no "${name}"`);
  return structuredClone(found.shown);
}

export const flat: DoseProgram = { mode: 'continuous', cycle_s: '86400', segments: [{ offset_s: '0', duration_s: '86400', volume_nl: '200000' }] };
export const control = doc('adopt: control');

/** A pump that infuses 2 mg a day of 10 mg/mL, as the one of the corpus does. */
export function pump(part: Partial<Therapy['report']> = {}, program = flat, run = 1): Therapy {
  return {
    report: {
      state: { epoch: 3, gen: 17, run, program, contents: control.contents!, settings: { low_nl: '2000000', ptm_denied: 4 }, firmware: '2.1.0' },
      site: control.site, patient: control.patient, foreign: false, limits: control.limits!, volume_nl: '12000000', fill_nl: '18000000', hour_nl: '0', day_nl: '0', bridge: false, busy: 0, faults: [], trusted: true, run_ms: 0, ...part,
    },
    at: '2026-05-01T09:00:00Z', state_hash: control.state, drift: false, reservoir_capacity_nl: '20000000', patient_groups: ['non_cancer'], patient: 'P-OLD', verifies_signatures: 'implant',
    path: { tubing_nl: '0', catheter_nl_cm: '0', catheter_mm: 0, catheter_nl: '0', path_nl: '0' }, range: { max_rate_nl_day: '0', idle_rate_nl_day: '6000', max_prime_nl: '0', segments_per_day: 48 }, site_zone_s: 3600,
  };
}

/** Morphine in milligrams with three decimals, baclofen in micrograms with one; limits of both for some groups. */
export const library = {
  v: 1, version: 3, issued: 0, name: 'Test', sample: false,
  drugs: [
    { code: 1, name: 'Morphine', class: 'opioid', unit: 'mg', decimals: 3, withdrawal: 'moderate', restricted: false, source: '', max_conc_ng_ml: '50000000', stability_s: '0', fallback_permille: 0, alone: true, limits: [
      { group: 'cancer', route: 'intrathecal', hard_day_ng: '25000000', hard_hour_ng: '5000000' }, { group: 'non_cancer', route: 'intrathecal', hard_day_ng: '15000000', hard_hour_ng: '3000000' },
    ] },
    { code: 2, name: 'Baclofen', class: 'antispastic', unit: 'mcg', decimals: 1, withdrawal: 'deadly', restricted: false, source: '', max_conc_ng_ml: '3000000', stability_s: '0', fallback_permille: 0, alone: true, limits: [
      { group: 'spinal', route: 'intrathecal', hard_day_ng: '2000000', hard_hour_ng: '500000' }, { group: 'cancer', route: 'intrathecal', hard_day_ng: '2000000', hard_hour_ng: '500000' },
    ] },
  ],
} as unknown as LibraryContent;
