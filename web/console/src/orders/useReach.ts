import { useQuery } from '@tanstack/react-query';
import { type OrderLetter, orders } from '../api/orders';
import { useNotLiveSince } from '../app/live';

/** How often a screen asks that somebody acts on while a pump may come and go, in milliseconds. */
const ASK_MS = 2_000;

/** What was signed to leave for a pump, and whether anything reaches it now: null while that is not known, also when the last answer failed or the page is not live. */
export function useReach(pump: string): { letters: readonly OrderLetter[]; connected: boolean | null; heard: string | null; pending: boolean } {
  const q = useQuery({ queryKey: ['orders', 'letters', pump], queryFn: () => orders.letters(pump), refetchInterval: ASK_MS, retry: false });
  const frozen = useNotLiveSince();
  return { letters: q.data?.items ?? [], connected: q.data && !q.isError && frozen === null ? q.data.connected : null, heard: q.data?.heard_at ?? null, pending: q.isPending };
}
