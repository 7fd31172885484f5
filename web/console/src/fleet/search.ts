import type { Presence, PumpRow, RunState } from '../api/types';
import { writeValue } from './filter/words';

/** The state of the fleet screen that lives in the address, so that it survives a reload and can be sent as a link. */
export interface FleetSearch {
  q?: string;
  site?: string[];
  presence?: Presence[];
  alarms?: AlarmFacet[];
  model?: string[];
  run?: RunFacet[];
  /** A column, with "-" in front for descending. */
  sort?: string;
  rows?: 'dense';
  /** The columns that are shown, in that order, with commas between; left out: the usual ones. */
  cols?: string;
}

export type AlarmFacet = 'high' | 'medium' | 'low' | 'none';
export type RunFacet = RunState | 'unknown';

export const presences: readonly Presence[] = ['online', 'stale', 'offline', 'never', 'unknown'];
export const alarmFacets: readonly AlarmFacet[] = ['high', 'medium', 'low', 'none'];
export const runFacets: readonly RunFacet[] = ['infusing', 'minimum', 'bolus', 'bridge', 'priming', 'stopped', 'unknown'];

export const facetNames = ['site', 'presence', 'alarms', 'model', 'run'] as const;
export type FacetName = (typeof facetNames)[number];

export const sortKeys = [
  'pump', 'patient', 'site', 'model', 'presence', 'run', 'rate', 'reservoir', 'battery', 'alarms', 'heard', 'firmware', 'status', 'data', 'library', 'sync', 'link', 'quality', 'gaps', 'tags', 'low_in', 'cert',
] as const;
export type SortKey = (typeof sortKeys)[number];

export interface Sort {
  readonly key: SortKey;
  readonly descending: boolean;
}

/** What needs attention first. */
export const defaultSort: Sort = { key: 'alarms', descending: false };

const list = (v: unknown): string[] => (Array.isArray(v) ? v : [v]).filter((x): x is string => typeof x === 'string' && x !== '');

function oneOf<T extends string>(v: unknown, allowed: readonly T[]): T[] {
  const wanted = new Set(list(v));
  return allowed.filter((a) => wanted.has(a));
}

/** Reads the address; what it does not understand is left out, never an error. */
export function readFleetSearch(raw: Record<string, unknown>): FleetSearch {
  const out: FleetSearch = {};
  if (typeof raw.q === 'string' && raw.q.trim() !== '') out.q = raw.q.slice(0, 2000);
  const site = [...new Set(list(raw.site))].toSorted();
  const model = [...new Set(list(raw.model))].toSorted();
  const presence = oneOf(raw.presence, presences);
  const alarms = oneOf(raw.alarms, alarmFacets);
  const run = oneOf(raw.run, runFacets);
  if (site.length > 0) out.site = site;
  if (model.length > 0) out.model = model;
  if (presence.length > 0) out.presence = presence;
  if (alarms.length > 0) out.alarms = alarms;
  if (run.length > 0) out.run = run;
  const sort = readSort(raw.sort);
  if (sort && (sort.key !== defaultSort.key || sort.descending !== defaultSort.descending)) out.sort = writeSort(sort);
  if (raw.rows === 'dense') out.rows = 'dense';
  const cols = readColumns(raw.cols);
  if (cols) out.cols = cols.join(',');
  return out;
}

/** The columns that an address names; null for the usual ones. */
export function readColumns(raw: unknown): SortKey[] | null {
  if (typeof raw !== 'string') return null;
  const known = [...new Set(raw.split(','))].filter((k): k is SortKey => (sortKeys as readonly string[]).includes(k));
  return known.length > 0 ? known : null;
}

/** The facets as terms of the filter language. */
export function facetTerms(s: FleetSearch, siteShort: (id: string) => string): string {
  const term = (field: string, values: readonly string[] | undefined) => (values ? [`${field}:${values.map((v) => (v === 'none' || v === 'unknown' ? v : writeValue(v))).join(',')}`] : []);
  return [
    ...term('site', s.site?.map(siteShort)), ...term('presence', s.presence), ...term('alarm', s.alarms), ...term('model', s.model),
    ...term('run', s.run?.map((r) => (r === 'unknown' ? 'none' : r))),
  ].join(' ');
}

export function readSort(raw: unknown): Sort | null {
  if (typeof raw !== 'string') return null;
  const key = raw.replace(/^-/, '');
  return (sortKeys as readonly string[]).includes(key) ? { key: key as SortKey, descending: raw.startsWith('-') } : null;
}

export const writeSort = (s: Sort) => (s.descending ? '-' : '') + s.key;

export const isFiltered = (s: FleetSearch) => s.q !== undefined || facetNames.some((f) => s[f] !== undefined);

/** The values of a facet that a row has. */
export function facetValues(row: PumpRow, facet: FacetName): string[] {
  switch (facet) {
    case 'site': return [row.site];
    case 'presence': return [row.presence];
    case 'model': return [row.model];
    case 'run': return [row.run ?? 'unknown'];
    case 'alarms': {
      const has = (['high', 'medium', 'low'] as const).filter((p) => row.alarms[p] > 0);
      return has.length > 0 ? has : ['none'];
    }
  }
}

const texts = new WeakMap<PumpRow, string>();

/** The text that a filter looks through. Rows are never changed in place, so it holds for as long as the row does. */
function haystack(row: PumpRow): string {
  let text = texts.get(row);
  if (text === undefined) {
    text = [row.serial, row.patient, row.label, row.model, row.link, row.firmware, row.top_alarm?.title, ...row.drugs.map((d) => d.name)].filter(Boolean).join('\n').toLowerCase();
    texts.set(row, text);
  }
  return text;
}

/** What the text of the filter means, when somebody has read it; else its words are looked for. */
export type TextMeans = (row: PumpRow) => boolean;

interface Filter {
  /** Whether the row is what the text means. */
  text: (row: PumpRow) => boolean;
  facets: readonly (readonly [FacetName, ReadonlySet<string>])[];
}

function compile(search: FleetSearch, siteName: (id: string) => string, means?: TextMeans): Filter {
  const words = (search.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  return {
    text: means ?? ((row) => words.every((w) => haystack(row).includes(w) || siteName(row.site).toLowerCase().includes(w))),
    facets: facetNames.filter((f) => search[f] !== undefined).map((f) => [f, new Set<string>(search[f])] as const),
  };
}

const passes = (row: PumpRow, facet: FacetName, wanted: ReadonlySet<string>) => facetValues(row, facet).some((v) => wanted.has(v));

/** A predicate for the rows of a search. */
export function matcher(search: FleetSearch, siteName: (id: string) => string, means?: TextMeans): (row: PumpRow) => boolean {
  const { text, facets } = compile(search, siteName, means);
  return (row) => facets.every(([facet, wanted]) => passes(row, facet, wanted)) && text(row);
}

export type FacetCounts = Record<FacetName, Map<string, number>>;

/** How many rows each value of each facet would show, given the other facets and the text. One look at each row. */
export function countFacets(rows: Iterable<PumpRow>, search: FleetSearch, siteName: (id: string) => string, means?: TextMeans): FacetCounts {
  const out: FacetCounts = { site: new Map(), presence: new Map(), alarms: new Map(), model: new Map(), run: new Map() };
  const { text, facets } = compile(search, siteName, means);
  for (const row of rows) {
    const failed = facets.filter(([facet, wanted]) => !passes(row, facet, wanted));
    const textual = failed.length <= 1 && text(row);
    for (const facet of facetNames) {
      // Its own choice does not narrow a facet. A value that the filter leaves without rows stays in the list, with 0.
      const one = textual && (failed.length === 0 || failed[0]![0] === facet) ? 1 : 0;
      for (const v of facetValues(row, facet)) out[facet].set(v, (out[facet].get(v) ?? 0) + one);
    }
  }
  return out;
}
