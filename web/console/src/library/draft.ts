import type { Confidence, DraftBody, LibraryVersion, Source } from '../api/library';
import type { Drug, DrugLimit, Group, LibraryContent, Severity } from '../api/orders';
import { exact, parseDigits } from '../units/quantity';
import { readNumber } from '../units/entry';
import { sourceKey } from './diff';

/**
 * A version while it is written: every number as it was typed, in clinicians' units, with where it comes from. What is wrong
 * with it is told under the names that the server uses for the same field, so that both speak at one place.
 */

/** A number that somebody types, and its source. */
export interface Num { text: string; source: string; worth: Confidence | '' }

export const massFields = ['hard_day_ng', 'soft_day_ng', 'hard_hour_ng', 'hard_bolus_ng', 'soft_bolus_ng', 'hard_step_ng', 'soft_step_ng'] as const;
export const shareFields = ['hard_step_permille', 'soft_step_permille'] as const;
export const limitNumbers = [...massFields, ...shareFields, 'ptm_min_lockout_s', 'ptm_max_24h'] as const;
export type LimitNumber = (typeof limitNumbers)[number];
export const drugNumbers = ['max_conc_ng_ml', 'stability_s', 'fallback_permille', 'min_gap_s', 'max_7d'] as const;
export type DrugNumber = (typeof drugNumbers)[number];

export interface LimitDraft { key: number; group: Group; route: DrugLimit['route']; n: Record<LimitNumber, Num>; noPtm: boolean }
export interface DrugDraft {
  key: number; code: string; name: string; class: string; unit: Drug['unit']; decimals: string; withdrawal: Severity; restricted: boolean; source: string; jurisdiction: string; alone: boolean; concs: string;
  n: Record<DrugNumber, Num>; limits: LimitDraft[];
}
export interface MixtureDraft { key: number; codes: number[]; keep: Num; note: string }
export interface Draft { name: string; sample: boolean; note: string; drugs: DrugDraft[]; mixtures: MixtureDraft[] }

/** How a number is typed: its unit, its decimals, and what one of the document's units is of the smallest typed one. */
interface Writing { readonly unit: string; readonly decimals: number; readonly times: bigint }
const day: Writing = { unit: 'd', decimals: 0, times: 86_400n };

export function writingOf(unit: Drug['unit'], field: LimitNumber | DrugNumber): Writing {
  switch (field) {
    case 'max_conc_ng_ml': return { unit: `${unit}/mL`, decimals: unit === 'mg' ? 6 : 3, times: 1n };
    case 'stability_s': return day;
    case 'min_gap_s': return { unit: 'h', decimals: 0, times: 3600n };
    case 'ptm_min_lockout_s': return { unit: 'min', decimals: 0, times: 60n };
    case 'max_7d': case 'ptm_max_24h': return { unit: '', decimals: 0, times: 1n };
    case 'fallback_permille': case 'hard_step_permille': case 'soft_step_permille': return { unit: '%', decimals: 1, times: 1n };
    default: return { unit, decimals: unit === 'mg' ? 6 : 3, times: 1n };
  }
}

/** Writes the document's digits as they would be typed; empty for zero. */
export function typed(w: Writing, digits: string | number | undefined): string {
  const v = parseDigits(String(digits ?? 0)) ?? 0n;
  return v === 0n ? '' : exact(v / w.times, 10n ** BigInt(w.decimals));
}

/** Reads what was typed; empty is zero. */
export function reads(w: Writing, text: string): { digits: string } | { wrong: string } {
  if (text.trim() === '') return { digits: '0' };
  const e = readNumber(text, w.decimals);
  return 'wrong' in e ? e : { digits: (BigInt(e.digits) * w.times).toString() };
}

let keys = 0;
/** What a list of the page tells its members apart by, whatever is typed into them. */
export const nextKey = (): number => ++keys;

export const emptyNum = (): Num => ({ text: '', source: '', worth: '' });

export const emptyLimit = (group: Group): LimitDraft => ({ key: nextKey(), group, route: 'intrathecal', n: Object.fromEntries(limitNumbers.map((f) => [f, emptyNum()])) as Record<LimitNumber, Num>, noPtm: false });

export const emptyDrug = (code: number): DrugDraft => ({
  key: nextKey(), code: String(code), name: '', class: '', unit: 'mg', decimals: '2', withdrawal: 'moderate', restricted: false, source: '', jurisdiction: '', alone: false, concs: '',
  n: Object.fromEntries(drugNumbers.map((f) => [f, emptyNum()])) as Record<DrugNumber, Num>, limits: [],
});

/** A draft that says what a version says. */
export function draftOf(v: LibraryVersion, note: string): Draft {
  const sources = new Map(v.annex.sources.map((s) => [sourceKey(s), s]));
  const num = (key: Omit<Source, 'source' | 'confidence'>, text: string): Num => {
    const s = sources.get(sourceKey(key));
    return { text, source: s?.source ?? '', worth: s?.confidence ?? '' };
  };
  return {
    name: v.library.name, sample: v.library.sample, note,
    drugs: v.library.drugs.map((d): DrugDraft => {
      const pace = v.annex.paces.find((p) => p.drug === d.code);
      const facts = { max_conc_ng_ml: d.max_conc_ng_ml, stability_s: d.stability_s, fallback_permille: d.fallback_permille, min_gap_s: pace?.min_gap_s, max_7d: pace?.max_7d };
      return {
        key: nextKey(), code: String(d.code), name: d.name, class: d.class, unit: d.unit, decimals: String(d.decimals), withdrawal: d.withdrawal, restricted: d.restricted, source: d.source, jurisdiction: d.jurisdiction ?? '', alone: d.alone,
        concs: (d.concs_ng_ml ?? []).map((c) => typed(writingOf(d.unit, 'max_conc_ng_ml'), c)).join(' '),
        n: Object.fromEntries(drugNumbers.map((f) => [f, num({ drug: d.code, field: f }, typed(writingOf(d.unit, f), facts[f]))])) as Record<DrugNumber, Num>,
        limits: (d.limits ?? []).map((x) => ({
          key: nextKey(), group: x.group, route: x.route, noPtm: x.no_ptm ?? false,
          n: Object.fromEntries(limitNumbers.map((f) => [f, num({ drug: d.code, group: x.group, route: x.route, field: f }, typed(writingOf(d.unit, f), x[f]))])) as Record<LimitNumber, Num>,
        })),
      };
    }),
    mixtures: (v.library.mixtures ?? []).map((m) => ({ key: nextKey(), codes: m.codes, keep: num({ mixture: m.codes, field: 'stability_s' }, typed(day, m.stability_s)), note: m.source })),
  };
}

export interface Read {
  readonly body: DraftBody;
  /** What cannot be read, by the server's name of the field. */
  readonly wrong: ReadonlyMap<string, string>;
  /** Which field the n-th source, and the n-th pace, belongs to. */
  readonly sourceAt: readonly string[];
  readonly paceAt: readonly string[];
}

/** The draft as the server takes it, and what cannot be read of it. */
export function readDraft(draft: Draft): Read {
  const wrong = new Map<string, string>();
  const sources: Source[] = [];
  const sourceAt: string[] = [];
  const paces: DraftBody['annex']['paces'] = [];
  const paceAt: string[] = [];
  const number = (w: Writing, n: Num, at: string): string => {
    const r = reads(w, n.text);
    if ('digits' in r) return r.digits;
    wrong.set(at, r.wrong);
    return '0';
  };
  const sourced = (n: Num, at: string, about: Omit<Source, 'source' | 'confidence'>) => {
    if (n.text.trim() === '' || (n.source.trim() === '' && n.worth === '')) return;
    if (n.worth === '') wrong.set(`${at}.worth`, 'Say how much the source is worth.');
    sources.push({ ...about, source: n.source.trim(), confidence: n.worth || 'low' });
    sourceAt.push(at);
  };
  const small = (text: string, at: string): number => {
    if (/^\d{1,6}$/.test(text.trim())) return Number(text.trim());
    wrong.set(at, 'Write a whole number.');
    return 0;
  };
  const drugs = draft.drugs.map((d, i): Drug => {
    const at = `library.drugs[${i}]`;
    const code = small(d.code, `${at}.code`);
    const n = (f: DrugNumber) => {
      sourced(d.n[f], `${at}.${f}`, { drug: code, field: f });
      return number(writingOf(d.unit, f), d.n[f], `${at}.${f}`);
    };
    const concs = d.concs.trim() === '' ? [] : d.concs.trim().split(/\s+/).map((c, k) => number(writingOf(d.unit, 'max_conc_ng_ml'), { text: c, source: '', worth: '' }, `${at}.concs_ng_ml[${k}]`));
    const facts: Drug = {
      code, name: d.name.trim(), class: d.class.trim(), unit: d.unit, decimals: small(d.decimals, `${at}.decimals`), withdrawal: d.withdrawal, restricted: d.restricted, source: d.source.trim(),
      max_conc_ng_ml: n('max_conc_ng_ml'), stability_s: n('stability_s'), fallback_permille: Number(n('fallback_permille')), alone: d.alone, ...(d.jurisdiction.trim() && { jurisdiction: d.jurisdiction.trim() }), ...(concs.length > 0 && { concs_ng_ml: concs }),
    };
    const gap = n('min_gap_s');
    const most = Number(n('max_7d'));
    if (gap !== '0' || most > 0) {
      paces.push({ drug: code, min_gap_s: gap, max_7d: most });
      paceAt.push(at);
    }
    if (d.limits.length > 0) facts.limits = d.limits.map((x, k): DrugLimit => {
      const here = `${at}.limits[${k}]`;
      const value = (f: LimitNumber) => {
        sourced(x.n[f], `${here}.${f}`, { drug: code, group: x.group, route: x.route, field: f });
        return number(writingOf(d.unit, f), x.n[f], `${here}.${f}`);
      };
      const out: DrugLimit = { group: x.group, route: x.route, hard_day_ng: '0', hard_hour_ng: '0', no_ptm: x.noPtm };
      for (const f of massFields) out[f] = value(f);
      for (const f of shareFields) out[f] = Number(value(f));
      out.ptm_min_lockout_s = value('ptm_min_lockout_s');
      out.ptm_max_24h = Number(value('ptm_max_24h'));
      return out;
    });
    return facts;
  });
  const mixtures = draft.mixtures.map((m, i) => {
    const at = `library.mixtures[${i}]`;
    const codes = m.codes.toSorted((a, b) => a - b);
    sourced(m.keep, `${at}.stability_s`, { mixture: codes, field: 'stability_s' });
    return { codes, stability_s: number(day, m.keep, `${at}.stability_s`), source: m.note.trim() };
  });
  const library: LibraryContent = { v: 1, version: 1, issued: 0, name: draft.name.trim(), sample: draft.sample, drugs, mixtures };
  return { body: { library, annex: { sources, paces }, note: draft.note.trim() }, wrong, sourceAt, paceAt };
}

/** Where the server's complaint about a field is shown: at the number that a source or a pace belongs to. */
export function placeOf(location: string, read: Pick<Read, 'sourceAt' | 'paceAt'>): string {
  const at = location.replace(/^body\./, '');
  const source = /^annex\.sources\[(\d+)\]\.(\w+)$/.exec(at);
  if (source) return `${read.sourceAt[Number(source[1])] ?? at}.${source[2] === 'confidence' ? 'worth' : 'source'}`;
  const pace = /^annex\.paces\[(\d+)\]\.(\w+)$/.exec(at);
  if (pace) return `${read.paceAt[Number(pace[1])] ?? at}.${pace[2] === 'drug' ? 'min_gap_s' : pace[2]}`;
  return at;
}

/** The drug or mixture that a field belongs to; null for the version itself. */
export function partOf(place: string): { part: 'drugs' | 'mixtures'; index: number } | null {
  const m = /^library\.(drugs|mixtures)\[(\d+)\]/.exec(place);
  return m ? { part: m[1] as 'drugs' | 'mixtures', index: Number(m[2]) } : null;
}

/** The same drug in the other unit: its numbers are the same amounts, written otherwise. What cannot be read stays as it is. */
export function inUnit(d: DrugDraft, unit: Drug['unit']): DrugDraft {
  const turn = (f: LimitNumber | DrugNumber, n: Num): Num => {
    const r = reads(writingOf(d.unit, f), n.text);
    return 'digits' in r ? { ...n, text: typed(writingOf(unit, f), r.digits) } : n;
  };
  const all = <F extends LimitNumber | DrugNumber>(n: Record<F, Num>): Record<F, Num> => Object.fromEntries(Object.entries<Num>(n).map(([f, v]) => [f, turn(f as F, v)])) as Record<F, Num>;
  return { ...d, unit, n: all(d.n), limits: d.limits.map((x) => ({ ...x, n: all(x.n) })), concs: d.concs.trim().split(/\s+/).filter(Boolean).map((c) => turn('max_conc_ng_ml', { ...emptyNum(), text: c }).text).join(' ') };
}
