import { useQuery } from '@tanstack/react-query';
import type { Order } from '../api/orders';
import { useMe } from '../session/useMe';

export type { Proof } from './prove';

/** What this browser finds about an order by itself. The verifier comes in a part of its own: the page is there before it. */
export function useProof(o: Order) {
  const { demo } = useMe();
  const ready = o.bytes !== null && o.document !== null;
  return useQuery({
    queryKey: ['orders', 'proof', o.id, o.hash, o.approvals.length],
    queryFn: async () => (await import('./prove')).prove(o, demo),
    enabled: ready, staleTime: Infinity, retry: false,
  });
}
