export interface RecordSearch {
  pump?: string;
  kind?: string;
  actor?: string;
}

export function readRecordSearch(raw: Record<string, unknown>): RecordSearch {
  const out: RecordSearch = {};
  for (const key of ['pump', 'kind', 'actor'] as const) {
    const value = raw[key];
    if (typeof value === 'string' && value !== '') out[key] = value;
  }
  return out;
}
