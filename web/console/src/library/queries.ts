import { useQuery } from '@tanstack/react-query';
import { libraries, type LibraryVersion } from '../api/library';
import { trust } from '../api/orders';

/** Versions move by what people do elsewhere and by pumps that are heard, so they are read again now and then. */

export const useVersions = () => useQuery({ queryKey: ['libraries', 'all'], queryFn: libraries.list, refetchInterval: 15_000 });
export const useLibraryPumps = () => useQuery({ queryKey: ['libraries', 'pumps'], queryFn: libraries.pumps, refetchInterval: 10_000 });
export const useSignatures = (version: string, enabled: boolean) => useQuery({ queryKey: ['libraries', 'signatures', version], queryFn: () => libraries.signatures(version), enabled, refetchInterval: 15_000 });
export const useCheck = (v: LibraryVersion) => useQuery({ queryKey: ['libraries', 'check', v.version, v.rev], queryFn: () => libraries.check(v.version), refetchInterval: 60_000 });
export const useRoot = () => useQuery({ queryKey: ['trust', 'root'], queryFn: trust.root, staleTime: Infinity });

/** What this browser finds about a version's bytes by itself; `settled` once it has found something, or could not look. */
export function useProof(v: LibraryVersion) {
  const root = useRoot();
  const q = useQuery({
    queryKey: ['libraries', 'proof', v.version, v.body_hash, v.hash], queryFn: async () => (await import('./prove')).proveLibrary(v, root.data!.document),
    enabled: root.data !== undefined, staleTime: Infinity, retry: false,
  });
  const failed = root.isError || q.isError;
  return { proof: q.data, failed, settled: failed || !q.isPending, again: () => void (root.isError ? root.refetch() : q.refetch()) };
}
