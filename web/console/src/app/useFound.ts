import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../api/client';
import { fleetApi, type Group } from '../api/fleet';
import type { Me, Person } from '../api/types';
import { hasAnyRole } from '../session/session';

/** Fewer letters would list half of everybody. */
const LEAST = 2;
const MOST = 8;
const PAUSE_MS = 200;

export interface Found {
  readonly groups: readonly Group[];
  readonly people: readonly Person[];
  /** The server is being asked for people, or is about to be. */
  readonly asking: boolean;
  /** People, or groups, could not be asked for; what is shown is not all. */
  readonly failed: readonly ('people' | 'groups')[];
}

/**
 * Groups and people that a text means, from the server and with its rights: it shows each caller what they may see, and whoever may
 * see no people is not offered any. In a visit neither is there.
 */
export function useFound(me: Me, text: string): Found {
  const wanted = text.trim();
  const seesPeople = me.visit === null && hasAnyRole(me, ['admin', 'auditor']);
  const settled = useSettled(wanted, PAUSE_MS);
  const ask = seesPeople && settled.length >= LEAST;
  const people = useQuery({
    queryKey: ['people', 'palette', settled], queryFn: () => api.people({ text: settled, limit: MOST, state: 'all' }), enabled: ask, staleTime: 10_000, retry: false,
  });
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups, enabled: me.visit === null, staleTime: 10_000, retry: false });
  const current = ask && settled === wanted;
  return {
    groups: groups.data ?? [],
    // What an earlier text found is never shown as the answer to this one.
    people: current ? people.data?.items ?? [] : [],
    asking: seesPeople && wanted.length >= LEAST && (settled !== wanted || people.isPending),
    failed: [...(current && people.isError ? ['people' as const] : []), ...(groups.isError && !groups.data && wanted !== '' ? ['groups' as const] : [])],
  };
}

/** A text once it has not changed for a while. */
function useSettled(text: string, ms: number): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), ms);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return settled;
}
