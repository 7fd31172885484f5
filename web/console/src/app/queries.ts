import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { isSignedOut, Problem } from '../api/problem';
import { sessionQuery } from '../session/session';

/**
 * Everything that is not a stream. An answer of the server is an answer; only a lost connection is tried again.
 * `onSignedOut` is called once when any answer says that the session is over.
 */
export function makeQueries(onSignedOut: () => void): QueryClient {
  const onError = (err: unknown) => {
    if (isSignedOut(err) && queries.getQueryData(sessionQuery.queryKey)) onSignedOut();
  };
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: 5000,
        refetchOnWindowFocus: true,
        retry: (count, err) => err instanceof Problem && (err.status === 0 || err.status >= 502) && count < 2,
        networkMode: 'always',
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
  return queries;
}
