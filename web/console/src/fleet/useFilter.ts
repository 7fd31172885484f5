import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { fleetApi } from '../api/fleet';
import type { PumpRow } from '../api/types';
import type { useSites } from '../app/useSites';
import type { Field } from './filter/language';
import type { Group, Means } from './filter/meaning';

export interface FilterState {
  /** What the text means, for rows. While the text is wrong, the last that it meant. */
  readonly means: Means;
  /** The text and further terms as one filter, as the server takes it; the terms alone while the text is wrong. */
  readonly whole: (terms: string) => string;
  readonly error: string | null;
  readonly fields: readonly Field[];
  readonly groups: readonly Group[];
}

const none: readonly never[] = [];
const same = (terms: string) => terms;

/** The language comes in a part of its own, together with what the server says about it. */
export async function readLanguage() {
  const [catalogue, language] = await Promise.all([fleetApi.fields(), import('./filter')]);
  return { fields: catalogue.fields as readonly Field[], language };
}

/** The language with its fields; undefined until both are there. */
export function useLanguage() {
  return useQuery({ queryKey: ['pump-language'], queryFn: readLanguage, staleTime: Infinity, structuralSharing: false }).data;
}

/** Until the catalogue is there, a text is words. */
const words = (q: string, names: { short: (id: string) => string; name: (id: string) => string }): Means => {
  if (/[():=<>!",]/.test(q)) return () => true; // it is more than words: nothing is left out before it is read
  const all = q.toLowerCase().split(/\s+/).filter(Boolean);
  return (r: PumpRow) => {
    const text = [r.serial, r.label, r.model, r.link, r.firmware, r.top_alarm?.title, ...r.drugs.map((d) => d.name), names.short(r.site), names.name(r.site)].join('\n').toLowerCase();
    return all.every((w) => text.includes(w));
  };
};

/** The text of the filter, read. It keeps its meaning while somebody types what is not a filter yet. */
export function useFilter(q: string, sites: ReturnType<typeof useSites>): FilterState {
  const { fields, language } = useLanguage() ?? { fields: undefined, language: undefined };
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups, staleTime: 30_000 }).data as readonly Group[] | undefined ?? none;
  const now = useMemo(() => {
    const names = { short: sites.short, name: sites.name, groups };
    if (!fields) return { means: words(q, names), whole: same, error: null };
    const { both, parse, print, meaning } = language;
    try {
      const node = parse(q, fields);
      return { means: meaning(node, names, fields), whole: (terms: string) => print(both(parse(terms, fields), node)), error: null };
    } catch (err) {
      return { means: null, whole: same, error: err instanceof Error ? err.message : String(err) };
    }
  }, [q, fields, language, groups, sites.short, sites.name]);
  const [last, setLast] = useState<Means>(() => now.means ?? (() => true));
  if (now.means && now.means !== last) setLast(() => now.means!);
  return useMemo(() => ({ ...now, means: now.means ?? last, fields: fields ?? none, groups }), [now, last, fields, groups]);
}
