import type { Order } from '../api/orders';
import { isOpen } from '../orders/words';
import { parseTime } from '../units/time';

const WEEK_MS = 7 * 86_400_000;

/** One's own proposals as one has to do with them: what came back or was never proposed, what the pump or the patient left behind and what nobody released in the last week, and what others work on. */
export interface Mine { readonly back: Order[]; readonly over: Order[]; readonly open: Order[] }

/** now is the server's time in milliseconds. Newest first, as they come; waits tells those that stand on the card of what waits for oneself. */
export function proposalsOf(all: readonly Order[], me: string, now: number, waits: (o: Order) => boolean): Mine {
  const mine = all.filter((o) => o.proposer.id === me);
  return {
    back: mine.filter((o) => o.state === 'draft'), over: mine.filter((o) => (o.state === 'stale' || o.state === 'expired') && (parseTime(o.closed_at) ?? 0) > now - WEEK_MS),
    open: mine.filter((o) => o.state !== 'draft' && isOpen(o.state) && !waits(o)),
  };
}
