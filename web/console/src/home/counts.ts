import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { useLive } from '../app/live';
import { useSites } from '../app/useSites';
import type { Sync } from '../feed/sync';
import type { Means } from '../fleet/filter/meaning';
import { readLanguage } from '../fleet/useFilter';
import type { PumpRow } from '../api/types';
import { serverNow } from '../units/clock';

/**
 * What home counts of the fleet. A count is a filter and nothing else: the same text decides what is counted and is where the
 * count leads, so that the list shows exactly the pumps that were counted.
 */
export const filters = {
  all: '',
  online: 'status:active presence:online',
  stale: 'status:active presence:stale',
  offline: 'status:active presence:offline',
  quiet: 'status:active last_heard>15m',
  never: 'status:active presence:never',
  stopped: 'run:stopped',
  minimum: 'run:minimum',
  low: 'level:low',
  soon: 'level:ok low_in<14d',
  battery: 'battery<=20%',
  cert: 'status:active cert<7d',
  gaps: 'gaps>0',
  refused: 'refused>0',
  behind: 'sync:behind',
  alarmed: 'alarm:high,medium,low',
  high: 'alarm:high',
  medium: 'alarm:medium',
} as const;

export type CountName = keyof typeof filters;
export type Counts = Readonly<Record<CountName, number>>;

const names = Object.keys(filters) as CountName[];

const LIVE_MS = 1000;
/** What goes by age changes with the time alone. */
const AGE_MS = 10_000;

export function countAll(rows: Iterable<PumpRow>, means: ReadonlyMap<CountName, Means>, now: number): Counts {
  const out = Object.fromEntries(names.map((n) => [n, 0])) as Record<CountName, number>;
  for (const row of rows) for (const [name, m] of means) if (m(row, now)) out[name]++;
  return out;
}

/** Counts the fleet, at most once a second. null before it is read; `error` when the language of filters cannot be read. */
export function useCounts(enabled: boolean): { counts: Counts | null; error: unknown; retry: () => void } {
  const { sync } = useLive();
  const sites = useSites();
  const query = useQuery({ queryKey: ['pump-language'], queryFn: readLanguage, staleTime: Infinity, structuralSharing: false, enabled, refetchInterval: (q) => (q.state.status === 'error' ? AGE_MS : false) });
  const { data } = query;
  const means = useMemo(() => {
    if (!data) return null;
    const { parse, meaning } = data.language;
    const of = { short: sites.short, name: sites.name, groups: [] };
    return new Map(names.map((n) => [n, meaning(parse(filters[n], data.fields), of, data.fields)] as const));
  }, [data, sites.short, sites.name]);
  const counts = useCounted(sync, means);
  return { counts, error: query.data ? null : query.error, retry: () => void query.refetch() };
}

function useCounted(sync: Sync, means: ReadonlyMap<CountName, Means> | null): Counts | null {
  const [counts, setCounts] = useState<Counts | null>(null);
  useEffect(() => {
    if (!means) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = -Infinity;
    const run = () => {
      timer = undefined;
      if (sync.epoch === null) return;
      last = performance.now();
      setCounts(countAll(sync.pumps.values(), means, serverNow()));
    };
    run();
    const off = sync.pumps.subscribe(() => {
      timer ??= setTimeout(run, Math.max(0, last + LIVE_MS - performance.now()));
    });
    const beat = setInterval(run, AGE_MS);
    return () => {
      off();
      clearInterval(beat);
      clearTimeout(timer);
    };
  }, [sync, means]);
  return counts;
}
