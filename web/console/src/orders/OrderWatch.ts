import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useLive } from '../app/live';
import type { OrderChange } from '../feed/frames';
import type { OrderNews } from '../feed/ordernews';

/** How long changes are gathered: an act comes as several. */
const GATHER_MS = 60;

/** What belongs to one order, and to one pump; everything else of orders is a list. */
const ofOrder = ['one', 'history', 'news'];
const ofPump = ['therapy', 'letters', 'trends'];
const kept = ['form', 'check', 'rehearsal', 'plan', 'patients', 'destinations'];

/** Has what is shown of orders read again when something happens to them: of one order or pump for it alone, lists for any. */
export function watchOrders(news: OrderNews, queries: QueryClient): () => void {
  let heard: OrderChange[] = [];
  let all = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const read = () => {
    timer = undefined;
    const ids = new Set(heard.map((c) => c.id));
    const pumps = new Set<string | null>(heard.map((c) => c.pump));
    const everything = all;
    heard = [];
    all = false;
    void queries.invalidateQueries({
      queryKey: ['orders'],
      predicate: ({ queryKey }) => {
        const kind = String(queryKey[1]);
        const of = typeof queryKey[2] === 'string' ? queryKey[2] : null;
        if (everything) return true;
        return ofOrder.includes(kind) ? ids.has(of) : ofPump.includes(kind) ? pumps.has(of) : !kept.includes(kind);
      },
    });
  };
  const off = news.subscribe((c) => {
    if (c) heard.push(c);
    else all = true;
    timer ??= setTimeout(read, GATHER_MS);
  });
  return () => {
    off();
    clearTimeout(timer);
  };
}

/** Watches orders for as long as the frame is there. It shows nothing. */
export function OrderWatch(): null {
  const { sync } = useLive();
  const queries = useQueryClient();
  useEffect(() => watchOrders(sync.orders, queries), [sync, queries]);
  return null;
}
