export interface AlarmsSearch {
  /** With those that are cleared. */
  show?: 'all';
}

export function readAlarmsSearch(raw: Record<string, unknown>): AlarmsSearch {
  return raw.show === 'all' ? { show: 'all' } : {};
}
