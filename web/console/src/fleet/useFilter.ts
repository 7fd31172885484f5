import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { fleetApi } from '../api/fleet';
import type { PumpRow } from '../api/types';
import type { useSites } from '../app/useSites';
import { type Field, FilterError, type Node, parse } from './filter/language';
import { type Group, type Means, meaning } from './filter/meaning';

export interface FilterState {
  /** What the text means, for rows. While the text is wrong, the last that it meant. */
  readonly means: Means;
  readonly node: Node | null;
  readonly error: string | null;
  readonly fields: readonly Field[];
  readonly groups: readonly Group[];
}

const none: readonly never[] = [];

/** Until the catalogue is there, a text is words. */
const words = (q: string, names: { short: (id: string) => string; name: (id: string) => string }): Means => {
  const all = q.toLowerCase().split(/\s+/).filter(Boolean);
  return (r: PumpRow) => {
    const text = [r.serial, r.label, r.model, r.link, r.firmware, r.top_alarm?.title, ...r.drugs.map((d) => d.name), names.short(r.site), names.name(r.site)].join('\n').toLowerCase();
    return all.every((w) => text.includes(w));
  };
};

/** The text of the filter, read. It keeps its meaning while somebody types what is not a filter yet. */
export function useFilter(q: string, sites: ReturnType<typeof useSites>): FilterState {
  const fields = useQuery({ queryKey: ['pump-fields'], queryFn: fleetApi.fields, staleTime: Infinity }).data?.fields as readonly Field[] | undefined;
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups, staleTime: 30_000 }).data as readonly Group[] | undefined ?? none;
  const now = useMemo(() => {
    const names = { short: sites.short, name: sites.name, groups };
    if (!fields) return { means: words(q, names), node: null, error: null };
    try {
      const node = parse(q, fields);
      return { means: meaning(node, names, fields), node, error: null };
    } catch (err) {
      return { means: null, node: null, error: err instanceof FilterError || err instanceof Error ? err.message : String(err) };
    }
  }, [q, fields, groups, sites.short, sites.name]);
  const [last, setLast] = useState<Means>(() => now.means ?? (() => true));
  if (now.means && now.means !== last) setLast(() => now.means!);
  return useMemo(() => ({ ...now, means: now.means ?? last, fields: fields ?? none, groups }), [now, last, fields, groups]);
}
