import type { Annex, Source } from '../api/library';
import type { Drug, DrugLimit, LibraryContent, Mixture } from '../api/orders';
import { groupWord, severityWord } from '../orders/words';
import { concText, confidenceWord, drugFields, type DrugField, limitFields, type LimitField, limitText, routeWord, shareText, timeText } from './words';

/** What two versions say differently, in the words and units of clinicians. */

export interface Change {
  /** Drug or mixture. */
  readonly entry: string;
  /** Group and route of a limit; empty for the entry itself. */
  readonly where: string;
  readonly what: string;
  readonly old: string | null;
  readonly now: string | null;
  /** Of a number: whether it allows more or less than before. */
  readonly turn: 'higher' | 'lower' | null;
}

interface Side { readonly library: LibraryContent; readonly annex: Annex }

const yes = (v: boolean | undefined): string | null => (v ? 'yes' : null);

function drugText(d: Drug, field: DrugField): string | null {
  switch (field) {
    case 'decimals': return String(d.decimals);
    case 'withdrawal': return severityWord[d.withdrawal];
    case 'restricted': return yes(d.restricted);
    case 'alone': return yes(d.alone);
    case 'max_conc_ng_ml': return concText(d.unit, d.max_conc_ng_ml);
    case 'concs_ng_ml': return d.concs_ng_ml?.map((c) => concText(d.unit, c)).join(', ') ?? null;
    case 'stability_s': return timeText(d.stability_s);
    case 'fallback_permille': return shareText(d.fallback_permille);
    default: return d[field] ?? null;
  }
}

const numeric: Partial<Record<string, true>> = {
  max_conc_ng_ml: true, stability_s: true, fallback_permille: true, hard_day_ng: true, soft_day_ng: true, hard_hour_ng: true, hard_bolus_ng: true, soft_bolus_ng: true, hard_step_ng: true, soft_step_ng: true,
  hard_step_permille: true, soft_step_permille: true, ptm_min_lockout_s: true, ptm_max_24h: true, min_gap_s: true, max_7d: true,
};

function turnOf(field: string, old: unknown, now: unknown): Change['turn'] {
  if (!numeric[field] || !old || !now) return null;
  const a = BigInt(old as string | number);
  const b = BigInt(now as string | number);
  return a === 0n || b === 0n || a === b ? null : b > a ? 'higher' : 'lower';
}

const limitKey = (x: DrugLimit): string => `${x.group}/${x.route}`;
const limitName = (x: DrugLimit): string => `${groupWord[x.group]}, ${routeWord[x.route]}`;
const mixtureKey = (m: Pick<Mixture, 'codes'>): string => m.codes.join('+');

/** The names of a mixture's drugs, as a library calls them. */
export const mixtureName = (l: LibraryContent, codes: readonly number[]): string => codes.map((c) => l.drugs.find((d) => d.code === c)?.name ?? `drug ${c}`).join(' + ');

export const sourceKey = (s: Omit<Source, 'source' | 'confidence'>): string => `${s.drug ?? ''}|${(s.mixture ?? []).join('+')}|${s.group ?? ''}|${s.route ?? ''}|${s.field}`;

const sourceText = (s: Source | undefined): string | null => (s ? `${s.source} (${confidenceWord[s.confidence]})` : null);

function* both<T>(a: readonly T[], b: readonly T[], key: (v: T) => string): Generator<[T | undefined, T | undefined]> {
  const later = new Map(b.map((v) => [key(v), v]));
  for (const v of a) {
    yield [v, later.get(key(v))];
    later.delete(key(v));
  }
  for (const v of later.values()) yield [undefined, v];
}

/** Every difference, in the order of the entries. An empty list: they say the same. */
export function diffLibraries(a: Side, b: Side): Change[] {
  const out: Change[] = [];
  const note = (entry: string, where: string, what: string, old: string | null, now: string | null, turn: Change['turn'] = null) => {
    if (old !== now) out.push({ entry, where, what, old, now, turn });
  };
  note('The version', '', 'Name', a.library.name, b.library.name);
  note('The version', '', 'Sample, unapproved', yes(a.library.sample), yes(b.library.sample));
  for (const [d, e] of both(a.library.drugs, b.library.drugs, (x) => String(x.code))) {
    const entry = (e ?? d)!.name;
    note(entry, '', 'Entry', d ? 'there' : null, e ? 'there' : null);
    for (const f of Object.keys(drugFields) as DrugField[]) if (d && e) note(entry, '', drugFields[f], drugText(d, f), drugText(e, f), turnOf(f, d[f], e[f]));
    for (const [x, y] of both(d?.limits ?? [], e?.limits ?? [], limitKey)) {
      for (const f of Object.keys(limitFields) as LimitField[]) {
        note(entry, limitName((y ?? x)!), limitFields[f], d && x ? limitText(d, x, f) : null, e && y ? limitText(e, y, f) : null, turnOf(f, x?.[f], y?.[f]));
      }
    }
    const code = (e ?? d)!.code;
    const p = a.annex.paces.find((x) => x.drug === code);
    const q = b.annex.paces.find((x) => x.drug === code);
    note(entry, '', 'Least time between increases', timeText(p?.min_gap_s), timeText(q?.min_gap_s), turnOf('min_gap_s', p?.min_gap_s, q?.min_gap_s));
    note(entry, '', 'Increases in 7 days', p?.max_7d ? String(p.max_7d) : null, q?.max_7d ? String(q.max_7d) : null, turnOf('max_7d', p?.max_7d, q?.max_7d));
  }
  for (const [m, n] of both(a.library.mixtures ?? [], b.library.mixtures ?? [], mixtureKey)) {
    const entry = mixtureName(n ? b.library : a.library, (n ?? m)!.codes);
    note(entry, '', 'Stability in the reservoir', timeText(m?.stability_s), timeText(n?.stability_s), turnOf('stability_s', m?.stability_s, n?.stability_s));
    note(entry, '', 'Source', m?.source ?? null, n?.source ?? null);
  }
  for (const [s, t] of both(a.annex.sources, b.annex.sources, sourceKey)) {
    const of = (t ?? s)!;
    const l = t ? b.library : a.library;
    const entry = of.mixture ? mixtureName(l, of.mixture) : l.drugs.find((d) => d.code === of.drug)?.name ?? `drug ${of.drug}`;
    const where = of.group && of.route ? `${groupWord[of.group]}, ${routeWord[of.route]}` : '';
    note(entry, where, `Source of: ${fieldName(of.field)}`, sourceText(s), sourceText(t));
  }
  return out;
}

/** A field's name as people read it. */
export function fieldName(field: string): string {
  if (field === 'min_gap_s') return 'Least time between increases';
  if (field === 'max_7d') return 'Increases in 7 days';
  return (limitFields as Record<string, string>)[field] ?? (drugFields as Record<string, string>)[field] ?? field;
}
