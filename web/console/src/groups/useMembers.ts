import { useEffect, useMemo, useState } from 'react';
import type { Group } from '../api/fleet';
import type { PumpRow } from '../api/types';
import { useLive } from '../app/live';
import { useSites } from '../app/useSites';
import { useLanguage } from '../fleet/useFilter';
import { serverNow } from '../units/clock';
import { natural } from '../fleet/natural';

/** How often members are looked for again while the fleet changes. */
const LOOK_MS = 2000;

/** The rows as they are now, looked at again when they change, but not more often than LOOK_MS. */
function useRows(): readonly PumpRow[] | null {
  const { sync } = useLive();
  const read = () => (sync.epoch === null ? null : [...sync.pumps.values()]);
  const [rows, setRows] = useState(read);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      timer = undefined;
      setRows(sync.epoch === null ? null : [...sync.pumps.values()]);
    };
    look();
    const off = sync.pumps.subscribe(() => { timer ??= setTimeout(look, LOOK_MS); });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [sync]);
  return rows;
}

/** The pumps of each group by its id, by serial; null until the fleet and the language are there. */
export function useMembers(groups: readonly Group[]): ReadonlyMap<string, readonly PumpRow[]> | null {
  const rows = useRows();
  const sites = useSites();
  const language = useLanguage();
  return useMemo(() => {
    if (!rows || !language) return null;
    const { meaning, parse } = language.language;
    const names = { short: sites.short, name: sites.name, groups: [] };
    const plain = language.fields.filter((f) => f.name !== 'group');
    const now = serverNow();
    return new Map(groups.map((g) => {
      if (g.filter === '') return [g.id, sorted(rows.filter((r) => r.groups.includes(g.id)))];
      try {
        const means = meaning(parse(g.filter, plain), names, plain);
        return [g.id, sorted(rows.filter((r) => r.site === g.site && means(r, now)))];
      } catch {
        return [g.id, []]; // its page says what is wrong with the filter
      }
    }));
  }, [groups, rows, sites, language]);
}

const sorted = (rows: PumpRow[]) => rows.toSorted((a, b) => natural(a.serial, b.serial));

/** How many pumps of a site a filter means, and what is wrong with it. */
export function useMeant(filter: string, site: string): { count: number | null; error: string | null } {
  const rows = useRows();
  const sites = useSites();
  const language = useLanguage();
  return useMemo(() => {
    if (!rows || !language || filter.trim() === '') return { count: null, error: null };
    const { meaning, parse } = language.language;
    const plain = language.fields.filter((f) => f.name !== 'group');
    try {
      const means = meaning(parse(filter, plain), { short: sites.short, name: sites.name, groups: [] }, plain);
      const now = serverNow();
      return { count: site === '' ? null : rows.filter((r) => r.site === site && means(r, now)).length, error: null };
    } catch (err) {
      return { count: null, error: err instanceof Error ? err.message : String(err) };
    }
  }, [filter, site, rows, sites, language]);
}
