import { queryOptions, useQuery } from '@tanstack/react-query';
import { useCallback } from 'react';
import { api } from '../api/client';

export const namesQuery = queryOptions({ queryKey: ['event-names'], queryFn: api.eventNames, staleTime: Infinity });

/** The title of an entry's kind. Events of what pumps report are named in the past, their entries are not: "alarm.raise" is told as "alarm.raised". */
export function titleOf(names: ReadonlyMap<string, string>, kind: string): string | null {
  return names.get(kind) ?? names.get(`${kind}d`) ?? names.get(`${kind}ed`) ?? null;
}

/** Tells kinds of entries in words; null for one that has none, and before the words are there. */
export function useTitles(): (kind: string) => string | null {
  const { data } = useQuery(namesQuery);
  return useCallback((kind: string) => titleOf(new Map((data?.items ?? []).map((n) => [n.name, n.title])), kind), [data]);
}
