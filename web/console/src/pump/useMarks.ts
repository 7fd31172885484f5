import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api } from '../api/client';
import { orders } from '../api/orders';
import type { TimelineItem } from '../api/types';
import { useAskEvery } from '../orders/queries';
import { serverNow } from '../units/clock';
import { parseTime } from '../units/time';
import { dosesOf, firmwareOf, type Mark } from './marks';
import type { Window } from './useTelemetry';

/** The most letters that the server lists (fleet/dosing, readLetters), and pages of the timeline that are read for one window. */
const LETTERS = 200;
const PAGES = 10;

export interface Marks {
  readonly all: readonly Mark[];
  /** What could not be read, as the subject of a sentence, with whether older marks are shown; and how to try again. */
  readonly failed: readonly { what: string; shown: boolean; retry: () => void }[];
  /** There were too many to read: what happened before this moment, in ms, may be missing. */
  readonly since: number;
}

/** The doses and versions of firmware of a window of the charts. */
export function useMarks(pump: string, w: Window): Marks {
  const every = useAskEvery();
  const letters = useQuery({ queryKey: ['orders', 'letters', pump], queryFn: () => orders.letters(pump), refetchInterval: every(15_000) });
  const firmware = useQuery({
    queryKey: ['firmware', pump, ...(w.live ? [w.span] : [w.from, w.to])],
    queryFn: () => helloes(pump, w.from, w.live ? serverNow() : w.to),
    staleTime: 30_000, refetchInterval: w.live ? 60_000 : false,
  });
  const all = useMemo(() => [...dosesOf(letters.data?.items ?? []), ...firmwareOf(firmware.data?.items ?? [])].filter((m) => m.at >= w.from && m.at <= w.to), [letters.data, firmware.data, w.from, w.to]);
  const failed = [
    ...(letters.isError ? [{ what: 'The doses', shown: letters.data !== undefined, retry: () => void letters.refetch() }] : []),
    ...(firmware.isError ? [{ what: 'The versions of firmware', shown: firmware.data !== undefined, retry: () => void firmware.refetch() }] : []),
  ];
  const oldest = letters.data && letters.data.items.length >= LETTERS ? parseTime(letters.data.items.at(-1)!.at) ?? 0 : 0;
  return { all, failed, since: Math.max(oldest, firmware.data?.since ?? 0) };
}

/** What the pump and its communicator said of themselves in a window, newest first. */
async function helloes(pump: string, from: number, to: number): Promise<{ items: TimelineItem[]; since: number }> {
  const items: TimelineItem[] = [];
  let before = '';
  for (let n = 0; n < PAGES; n++) {
    const page = await api.timeline(pump, { kinds: 'audit', groups: 'link', by: 'pump', limit: 200, ...(before ? { before } : { until: new Date(to).toISOString() }) });
    items.push(...page.items);
    if (!page.next || (parseTime(page.items.at(-1)?.at) ?? 0) < from) return { items, since: 0 };
    before = page.next;
  }
  return { items, since: parseTime(items.at(-1)!.at) ?? 0 };
}
