import { useQueries } from '@tanstack/react-query';
import { api } from '../api/client';
import type { Order } from '../api/orders';

/** The pumps of orders, for their serials and patients; `settled` once all have been read, or could not be. */
export function usePumpsOf(all: readonly Order[]) {
  const pumps = useQueries({ queries: [...new Set(all.map((o) => o.pump))].map((id) => ({ queryKey: ['pump', id], queryFn: () => api.pump(id), staleTime: 60_000 })) });
  return { byId: new Map(pumps.flatMap((q) => (q.data ? [[q.data.id, q.data] as const] : []))), settled: pumps.every((q) => !q.isPending) };
}
