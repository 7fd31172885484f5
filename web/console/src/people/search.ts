import type { Role } from '../api/types';
import { roleWord } from '../session/session';

export type PeopleView = 'people' | 'roles' | 'tokens';

/** The address of the administration: which tab, what the list shows, and whose page is open. */
export interface PeopleSearch {
  tab?: PeopleView;
  text?: string;
  site?: string;
  role?: Role;
  state?: 'open' | 'disabled';
  person?: string;
  whose?: 'sites';
}

const one = <T extends string>(value: unknown, of: readonly T[]): T | undefined => of.find((v) => v === value);

export function readPeopleSearch(raw: Record<string, unknown>): PeopleSearch {
  const out: PeopleSearch = {};
  const tab = one(raw.tab, ['roles', 'tokens'] as const);
  if (tab) out.tab = tab;
  if (typeof raw.text === 'string' && raw.text !== '') out.text = raw.text.slice(0, 100);
  for (const key of ['site', 'person'] as const) {
    const value = raw[key];
    if (typeof value === 'string' && /^[1-9][0-9]{0,18}$/.test(value)) out[key] = value;
  }
  const role = one(raw.role, Object.keys(roleWord) as Role[]);
  if (role) out.role = role;
  const state = one(raw.state, ['open', 'disabled'] as const);
  if (state) out.state = state;
  if (raw.whose === 'sites') out.whose = 'sites';
  return out;
}
