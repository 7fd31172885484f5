export interface AlarmsSearch {
  /** With those that are cleared. */
  show?: 'all';
  /** Only those of this priority. */
  priority?: 'high' | 'medium' | 'low';
}

export function readAlarmsSearch(raw: Record<string, unknown>): AlarmsSearch {
  const out: AlarmsSearch = {};
  if (raw.show === 'all') out.show = 'all';
  if (raw.priority === 'high' || raw.priority === 'medium' || raw.priority === 'low') out.priority = raw.priority;
  return out;
}
