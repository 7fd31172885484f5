import { queryOptions, useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import type { Me, Security } from '../api/types';

/** One's own keys, sessions and notices: the same answer serves the page and the badge. */
export const securityQuery = queryOptions({ queryKey: ['security'], queryFn: api.security });

export type Notice = Security['notices'][number];

export interface News {
  /** Notices that were not seen. */
  readonly unseen: number;
  /** A code for this account that may still be objected to, the newest first: somebody may be getting in by it. */
  readonly code: Notice | null;
}

export const newsOf = (all: readonly Notice[]): News => ({ unseen: all.filter((n) => !n.seen).length, code: all.find((n) => n.code !== null) ?? null });

const MINUTE_MS = 60_000;

/** What one must hear about one's own account, on every page. A session that is locked to one patient is not asked. */
export function useNews(me: Me): News {
  const { data } = useQuery({ ...securityQuery, refetchInterval: MINUTE_MS, retry: false, enabled: me.visit === null });
  return newsOf(data?.notices ?? []);
}
