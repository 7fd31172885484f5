import { useQuery } from '@tanstack/react-query';
import type { Order } from '../api/orders';
import { words } from '../api/problem';

export type { Proof } from './prove';

/** What this browser finds about an order by itself. The verifier comes in a part of its own: the page is there before it. */
export function useProof(o: Order) {
  const ready = o.bytes !== null && o.document !== null;
  return useQuery({
    queryKey: ['orders', 'proof', o.id, o.rev, o.hash, o.approvals.length],
    queryFn: async () => {
      const { prove, hindrance } = await import('./prove');
      const proof = await prove(o);
      return { ...proof, hindrance: hindrance(proof) };
    },
    enabled: ready, staleTime: Infinity, retry: false,
  });
}

/** Why this browser could not check at all. */
export const uncheckable = (err: unknown): string => (err instanceof Error && err.name === 'CannotCheck' ? err.message : words(err));
