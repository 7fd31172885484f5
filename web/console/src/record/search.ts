import { stamp } from '../units/time';

/** What of the record is shown, and which entry is open: all of it in the address. */
export interface RecordSearch {
  pump?: string;
  /** "pump.register", or "pump." for all that begin so. */
  kind?: string;
  actor?: string;
  object?: string;
  /** ISO times, from (including) and to (excluding). */
  from?: string;
  to?: string;
  /** The id of the entry that is open. */
  entry?: string;
}

const times = ['from', 'to'] as const;

export function readRecordSearch(raw: Record<string, unknown>): RecordSearch {
  const out: RecordSearch = {};
  for (const key of ['pump', 'kind', 'actor', 'object', 'entry'] as const) {
    const value = raw[key];
    if (typeof value === 'string' && value.trim() !== '') out[key] = value.trim().slice(0, 200);
  }
  for (const key of times) {
    const value = raw[key];
    const t = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(t)) out[key] = new Date(t).toISOString();
  }
  return out;
}

/** The part of the address that chooses entries, as the server takes it. */
export function recordQuery(search: RecordSearch): Omit<RecordSearch, 'entry'> {
  const query = { ...search };
  delete query.entry;
  return query;
}

/** Whether the times are such that nothing can be between them. */
export function backwards(s: RecordSearch): boolean {
  return s.from !== undefined && s.to !== undefined && Date.parse(s.from) >= Date.parse(s.to);
}

const pad = (n: number) => String(n).padStart(2, '0');

/** The value of a datetime-local field for an ISO time. */
export function toLocal(iso: string | undefined): string {
  if (!iso) return '';
  const d = new Date(iso);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}T${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

export function fromLocal(value: string): string | undefined {
  const t = Date.parse(value);
  return value === '' || Number.isNaN(t) ? undefined : new Date(t).toISOString();
}

/** The filter as the end of a title: ", of pump 7, by person:7, from …"; nothing if there is none. */
export function writtenFilter(s: RecordSearch): string {
  const time = (iso: string) => stamp(Date.parse(iso));
  return [
    s.kind && `of kind ${s.kind}`, s.pump && `of pump ${s.pump}`, s.actor && `by ${s.actor}`, s.object && `about ${s.object}`, s.from && `from ${time(s.from)}`, s.to && `before ${time(s.to)}`,
  ].filter(Boolean).map((w) => `, ${w}`).join('');
}
