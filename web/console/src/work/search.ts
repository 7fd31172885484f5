/** Which planned work is shown: what is overdue, what is due within 30 days, or all that is due within a year. */
export type Span = 'overdue' | 'soon' | 'all';

/** The state of the list of work that lives in the address. */
export interface WorkSearch {
  span?: Span | undefined;
}

export function readWorkSearch(raw: Record<string, unknown>): WorkSearch {
  return raw.span === 'overdue' || raw.span === 'soon' ? { span: raw.span } : {};
}

/** Days as "2026-01-31" sort as they come. */
export const isIn = (span: Span, due: string, today: string, soon: string) => span === 'all' || (span === 'overdue' ? due < today : due <= soon);
