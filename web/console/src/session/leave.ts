import type { QueryClient } from '@tanstack/react-query';
import type { AnyRouter } from '@tanstack/react-router';
import { sessionQuery } from './session';

/** Forgets everything that was read for this person and goes to the sign-in page, keeping the way back. */
export async function leave(queries: QueryClient, router: AnyRouter, why: 'ended' | 'asked'): Promise<void> {
  const { pathname, href } = router.state.location;
  if (pathname === '/sign-in') return;
  await queries.cancelQueries();
  queries.setQueryData(sessionQuery.queryKey, null);
  await router.navigate({ to: '/sign-in', search: why === 'ended' ? { ended: '1', to: href } : {} });
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionQuery.queryKey[0] });
}
