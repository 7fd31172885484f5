import type { Query } from '@tanstack/react-query';
import { stamp } from '../units/time';

/** What of a query says whether the page is whole and current. */
export type Read = Pick<Query, 'queryKey' | 'isActive'> & { readonly state: Pick<Query['state'], 'status' | 'fetchStatus' | 'dataUpdatedAt'> };

/** Asked for by the frame around every page and by its menus, each with the page that shows it: no other rests on it. */
const aside: Readonly<Record<string, string | null>> = { session: null, demo: null, sites: null, security: '/me', tags: '/groups', views: '/groups' };

/**
 * Why a page that is printed now should not be taken for the whole truth, each as a sentence; none if it is complete and current.
 * Printing is never refused: paper that says what is wrong with it is better than none.
 *
 * @param since local time since which the page has heard nothing from the server, null while it does.
 * @param ghosts whether the page shows places for what has not come.
 * @param missing whether a part of the page itself has not come.
 * @param path the page's.
 */
export function doubtsOf(queries: readonly Read[], since: number | null, ghosts: boolean, missing: boolean, path: string): string[] {
  const out: string[] = [];
  const read = queries.filter((q) => {
    const shownAt = aside[String(q.queryKey[0])];
    return q.isActive() && (shownAt === undefined || shownAt === path);
  });
  if (since !== null) out.push(`Not current: nothing was heard from the server since ${stamp(since)}.`);
  const old = read.filter((q) => q.state.status === 'error' && q.state.dataUpdatedAt > 0);
  if (old.length > 0) out.push(`Not current: a part could not be read again and is as it was at ${stamp(Math.min(...old.map((q) => q.state.dataUpdatedAt)))}.`);
  if (missing || read.some((q) => q.state.status === 'error' && q.state.dataUpdatedAt === 0)) out.push('Not complete: a part could not be read.');
  if (ghosts || read.some((q) => q.state.status === 'pending' && q.state.fetchStatus !== 'idle')) out.push('Not complete: a part was still being read when this was printed.');
  return out;
}
