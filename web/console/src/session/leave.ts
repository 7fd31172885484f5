import type { QueryClient } from '@tanstack/react-query';
import type { AnyRouter } from '@tanstack/react-router';
import { gates } from '../api/gates';
import { sessionQuery } from './session';

/** The mutation that makes this browser another person's. While it runs, the end of the old session is expected. */
export const becomeKey = ['become'];

/** Forgets everything that was read for this person and goes to the sign-in page, keeping the way back. */
export async function leave(queries: QueryClient, router: AnyRouter, why: 'ended' | 'asked'): Promise<void> {
  const { pathname, href } = router.state.location;
  if (pathname === '/sign-in') return;
  await queries.cancelQueries();
  queries.setQueryData(sessionQuery.queryKey, null);
  await router.navigate({ to: '/sign-in', search: why === 'ended' ? { ended: '1', to: href } : {} });
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionQuery.queryKey[0] });
}

/**
 * Somebody told us that the session is over. It may have been replaced: another tab of this browser signed in again. So the
 * server is asked once more; true means that somebody is signed in, and the session of the page is theirs now.
 */
export async function sessionEnded(queries: QueryClient, router: AnyRouter): Promise<boolean> {
  if (queries.isMutating({ mutationKey: becomeKey }) > 0) return true;
  const before = queries.getQueryData(sessionQuery.queryKey);
  try {
    const now = await queries.fetchQuery({ ...sessionQuery, staleTime: 0 });
    if (now) {
      if (now.id !== before?.id) {
        queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionQuery.queryKey[0] });
        await router.invalidate();
      }
      return true;
    }
  } catch {
    // The server cannot be asked; what we were told stands.
  }
  // Over the page first, so that nothing that was typed is lost.
  if (gates.signedOut && (await gates.signedOut())) return true;
  await leave(queries, router, 'ended');
  return false;
}
