import { useQuery } from '@tanstack/react-query';
import { libraries } from '../api/library';
import { trust } from '../api/orders';

/** Versions move by what people do elsewhere and by pumps that are heard, so they are read again now and then. */

export const useVersions = () => useQuery({ queryKey: ['libraries', 'all'], queryFn: libraries.list, refetchInterval: 15_000 });
export const useLibraryPumps = () => useQuery({ queryKey: ['libraries', 'pumps'], queryFn: libraries.pumps, refetchInterval: 10_000 });
export const useSignatures = (version: string, enabled: boolean) => useQuery({ queryKey: ['libraries', 'signatures', version], queryFn: () => libraries.signatures(version), enabled, refetchInterval: 15_000 });
export const useRoot = () => useQuery({ queryKey: ['trust', 'root'], queryFn: trust.root, staleTime: Infinity });
