import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/client';
import type { Site } from '../api/types';

/** The sites of this person by id. Until they are read, and for one that is not among them, the id stands for the name. */
export function useSites(): { list: readonly Site[]; name: (id: string) => string; short: (id: string) => string } {
  const { data } = useQuery({ queryKey: ['sites'], queryFn: api.sites, staleTime: 300_000 });
  return useMemo(() => {
    const list = data ?? [];
    const byId = new Map(list.map((s) => [s.id, s]));
    return { list, name: (id: string) => byId.get(id)?.name ?? id, short: (id: string) => byId.get(id)?.short ?? id };
  }, [data]);
}
