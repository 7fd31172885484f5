import { queryOptions, useQuery } from '@tanstack/react-query';
import { keysets } from '../api/library';
import { type Keyset, trust } from '../api/orders';
import { useRoot } from '../library/queries';
import { useMe } from '../session/useMe';
import type { KeysetProof } from './prove';

export const keysetsQuery = queryOptions({ queryKey: ['keysets'], queryFn: keysets.list, refetchInterval: 15_000 });
export const keysetPumpsQuery = queryOptions({ queryKey: ['keysets', 'pumps'], queryFn: keysets.pumps, refetchInterval: 10_000 });
export const signingKeysQuery = queryOptions({ queryKey: ['signing-keys'], queryFn: trust.keys, refetchInterval: 30_000 });

/** What this browser finds about a keyset's bytes by itself; `settled` once it has found something, or could not look. */
export function useProof(k: Keyset | undefined): { root: ReturnType<typeof useRoot>; proof: KeysetProof | undefined; failed: boolean; settled: boolean; again: () => void } {
  const { demo } = useMe();
  const root = useRoot();
  const q = useQuery({
    queryKey: ['keysets', 'proof', k?.version, k?.body, k?.state], queryFn: async () => (await import('./prove')).proveKeyset(k!, root.data!.document, demo),
    enabled: k !== undefined && root.data !== undefined, staleTime: Infinity, retry: false,
  });
  const failed = root.isError || q.isError;
  return { root, proof: q.data, failed, settled: k === undefined || failed || !q.isPending, again: () => void (root.isError ? root.refetch() : q.refetch()) };
}
