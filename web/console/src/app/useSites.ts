import { queryOptions, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/client';
import type { Site } from '../api/types';

/** The frame reads it before the first screen, so that no screen shows an id in place of a name. */
export const sitesQuery = queryOptions({ queryKey: ['sites'], queryFn: api.sites, staleTime: 300_000 });

/** The sites of this person by id. Until they are read, and for one that is not among them, the id stands for the name. */
export function useSites(): { list: readonly Site[]; name: (id: string) => string; short: (id: string) => string } {
  const { data } = useQuery(sitesQuery);
  return useMemo(() => {
    const list = data ?? [];
    const byId = new Map(list.map((s) => [s.id, s]));
    return { list, name: (id: string) => byId.get(id)?.name ?? id, short: (id: string) => byId.get(id)?.short ?? id };
  }, [data]);
}
