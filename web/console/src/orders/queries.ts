import { queryOptions, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { type LibraryContent, orders, trust } from '../api/orders';
import { useFeed } from '../app/live';
import { isAway, isOpen, overStates } from './words';

/**
 * Orders move by what people and pumps do elsewhere. The live feed says when (OrderWatch), and they are read again then. Only
 * while the feed is down are they asked for by the clock, often while one is on its way.
 */
export function useAskEvery(): (ms: number) => number | false {
  const { phase } = useFeed();
  return (ms) => (phase === 'live' ? false : ms);
}

/** Everything open, of the sites or of one pump. */
export function useOpenOrders(pump?: string) {
  const every = useAskEvery();
  return useQuery({ queryKey: ['orders', 'list', 'open', pump ?? 'all'], queryFn: () => orders.allOpen(pump ? { pump } : {}), refetchInterval: every(5_000) });
}

/** What is over, newest first, a page at a time. */
export function useOverOrders(pump?: string) {
  const every = useAskEvery();
  return useInfiniteQuery({
    queryKey: ['orders', 'list', 'over', pump ?? 'all'],
    queryFn: ({ pageParam }) => orders.list({ ...(pump ? { pump } : {}), state: [...overStates], limit: 50, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '', getNextPageParam: (last) => last.next ?? undefined, refetchInterval: every(15_000),
  });
}

export function useOrder(id: string) {
  const every = useAskEvery();
  return useQuery({
    queryKey: ['orders', 'one', id], queryFn: () => orders.get(id),
    refetchInterval: (q) => every(q.state.data && isAway(q.state.data.state) ? 1_500 : q.state.data && !isOpen(q.state.data.state) ? 60_000 : 5_000),
  });
}

export function useHistory(id: string, away: boolean) {
  const every = useAskEvery();
  return useQuery({ queryKey: ['orders', 'history', id], queryFn: () => orders.history(id), refetchInterval: every(away ? 1_500 : 10_000) });
}

export function useTherapy(pump: string, enabled = true) {
  return useQuery({ queryKey: ['orders', 'therapy', pump], queryFn: () => orders.therapy(pump), refetchInterval: 10_000, retry: false, enabled });
}

/** What a pump delivered day by day, and the steps of its dose. */
export function useTrend(pump: string) {
  return useQuery({ queryKey: ['orders', 'trends', pump], queryFn: () => orders.trends(pump), refetchInterval: 60_000 });
}

/** What the pump ran when an order was proposed: of one proposal, by its hash, it does not change; one that came back is proposed anew. */
export function useBefore(id: string, hash: string | null, enabled: boolean) {
  return useQuery({ queryKey: ['orders', 'before', id, hash ?? ''], queryFn: () => orders.before(id), staleTime: hash === null ? 0 : Infinity, gcTime: hash === null ? 0 : 300_000, refetchOnWindowFocus: hash !== null, enabled });
}

/** What one has typed and not proposed. */
export const draftsQuery = queryOptions({ queryKey: ['orders', 'drafts'], queryFn: orders.drafts, staleTime: 0 });

/** Acts of one person that somebody else is to look at. */
export const useReviews = () => {
  const every = useAskEvery();
  return useQuery({ queryKey: ['orders', 'reviews'], queryFn: () => orders.reviews(true), refetchInterval: every(15_000) });
};

/** The drug library that is in force, for names, units and limits. */
export function useLibrary(): { lib: LibraryContent | null; error: unknown; pending: boolean; again: () => void } {
  const q = useQuery({ queryKey: ['libraries'], queryFn: trust.libraries, staleTime: 60_000 });
  return { lib: q.data?.items.find((l) => l.state === 'active')?.library ?? null, error: q.error, pending: q.isPending, again: () => void q.refetch() };
}
