import { type Narrowed, timelineBys, timelineGroups } from './told';

export const spans = ['1h', '24h', '7d', 'all'] as const;
export type Span = (typeof spans)[number];

export const tabs = ['live', 'therapy', 'readings', 'timeline', 'alarms', 'identity', 'refusals'] as const;
export type Tab = (typeof tabs)[number];

/** The state of the pump screen that lives in the address. A fixed window (`from`, `to` in ms) means the charts do not follow. */
export interface PumpSearch extends Narrowed {
  tab?: Tab;
  span?: Span;
  from?: string;
  to?: string;
  /** Day at whose end the timeline begins. */
  day?: string | undefined;
}

export function readPumpSearch(raw: Record<string, unknown>): PumpSearch {
  const out: PumpSearch = {};
  const pick = <T extends string>(v: unknown, all: readonly T[]) => all.find((a) => a === v);
  const tab = pick(raw.tab, tabs);
  if (tab && tab !== 'live') out.tab = tab;
  const span = pick(raw.span, spans);
  if (span && span !== '24h') out.span = span;
  const ms = (v: unknown) => (typeof v === 'string' && /^\d{12,14}$/.test(v) ? v : undefined);
  const from = ms(raw.from);
  const to = ms(raw.to);
  if (from && to && Number(from) < Number(to)) {
    out.from = from;
    out.to = to;
  }
  if (typeof raw.day === 'string' && /^\d{4}-\d\d-\d\d$/.test(raw.day)) out.day = raw.day;
  const some = <T extends string>(v: unknown, all: readonly T[]) => {
    const chosen = all.filter((a) => (Array.isArray(v) ? v : [v]).includes(a));
    return chosen.length > 0 && chosen.length < all.length ? chosen : undefined;
  };
  const groups = some(raw.groups, timelineGroups);
  if (groups) out.groups = groups;
  const by = some(raw.by, timelineBys);
  if (by) out.by = by;
  return out;
}
