import type { Confidence, LibraryState } from '../api/library';
import type { Drug, DrugLimit } from '../api/orders';
import type { Me } from '../api/types';
import { hasAnyRole } from '../session/session';
import { exact, parseDigits } from '../units/quantity';
import { duration } from '../units/time';

/** The words of the drug library, in one place, and how its numbers are written. */

export const stateWord: Record<LibraryState, string> = {
  draft: 'Draft', review: 'In review', approved: 'Approved, to be signed', active: 'In force', superseded: 'Superseded', rejected: 'Rejected',
};

export const stateMeaning: Record<LibraryState, string> = {
  draft: 'Its author works on it. No pump knows of it.',
  review: 'It never changes again. A second person reads it and agrees or not.',
  approved: 'A second person agreed. It counts once the library’s key has signed it.',
  active: 'Signed. Pumps are given it and judge orders by it.',
  superseded: 'A later version took its place. Pumps that still hold it judge by it until they are heard again.',
  rejected: 'The second person did not agree. Its author drafts another.',
};

export const confidenceWord: Record<Confidence, string> = {
  found: 'read in the source', high: 'high', medium: 'medium', low: 'low', proposal: 'proposal', site: 'decided by the site',
};

export const routeWord = { intrathecal: 'intrathecal', epidural: 'epidural' } as const;

export const limitFields = {
  hard_day_ng: 'Hard limit, 24 h', soft_day_ng: 'Soft limit, 24 h', hard_hour_ng: 'Hard limit, 1 h', hard_bolus_ng: 'Hard limit, one bolus', soft_bolus_ng: 'Soft limit, one bolus',
  hard_step_ng: 'Hard step', soft_step_ng: 'Soft step', hard_step_permille: 'Hard step, share', soft_step_permille: 'Soft step, share',
  ptm_min_lockout_s: 'Shortest lockout', ptm_max_24h: 'Patient boluses in 24 h', no_ptm: 'Patient boluses',
} as const satisfies Partial<Record<keyof DrugLimit, string>>;
export type LimitField = keyof typeof limitFields;

export const drugFields = {
  name: 'Name', class: 'Class', unit: 'Unit', decimals: 'Decimals', withdrawal: 'Abrupt stop', restricted: 'Restricted', source: 'Source of the entry', max_conc_ng_ml: 'Highest concentration',
  concs_ng_ml: 'Standard concentrations', stability_s: 'Stability alone, 37 °C', fallback_permille: 'One person may decrease by', alone: 'Only in listed mixtures', jurisdiction: 'Jurisdiction',
} as const satisfies Partial<Record<keyof Drug, string>>;
export type DrugField = keyof typeof drugFields;

const unitOf = (unit: Drug['unit']): bigint => (unit === 'mg' ? 1_000_000n : 1_000n);
const zero = (digits: string | undefined): boolean => (parseDigits(digits) ?? 0n) === 0n;

/** A mass in the drug's unit, exactly; null where the library sets none. */
export const massText = (unit: Drug['unit'], ng: string | undefined): string | null => (zero(ng) ? null : `${exact(parseDigits(ng)!, unitOf(unit))} ${unit}`);
export const concText = (unit: Drug['unit'], conc: string | undefined): string | null => (zero(conc) ? null : `${exact(parseDigits(conc)!, unitOf(unit))} ${unit}/mL`);
/** 300 ‰ is "30 %", 125 ‰ "12.5 %". */
export const shareText = (permille: number | undefined): string | null => (!permille ? null : `${exact(BigInt(permille), 10n)} %`);
export const timeText = (seconds: string | undefined): string | null => (zero(seconds) ? null : duration(Number(seconds)));

/** One number of a limit as people read it; null where the library sets none. */
export function limitText(d: Pick<Drug, 'unit'>, x: DrugLimit, field: LimitField): string | null {
  switch (field) {
    case 'hard_step_permille': case 'soft_step_permille': return shareText(x[field]);
    case 'ptm_min_lockout_s': return timeText(x.ptm_min_lockout_s);
    case 'ptm_max_24h': return x.ptm_max_24h ? String(x.ptm_max_24h) : null;
    case 'no_ptm': return x.no_ptm ? 'not allowed' : null;
    default: return massText(d.unit, x[field]);
  }
}

/** The server decides; this only hides what it would refuse. */
export const mayLibrary = {
  write: (me: Me) => hasAnyRole(me, ['pharmacist']),
  judge: (me: Me) => hasAnyRole(me, ['pharmacist', 'verifier', 'prescriber']) && !hasAnyRole(me, ['admin']),
};
