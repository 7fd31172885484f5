import type { OrderLetter } from '../api/orders';

/** Where a stop stands: waiting on the server, sent, answered by the pump, or over. late: its time is over and the server waits a moment longer for the answer. */
export type StopAt = 'queued' | 'sent' | 'late' | 'applied' | 'refused' | 'expired';

/** What is known of a stop from its letter; now is the server's time in milliseconds. Only the pump's signed answer says that it has stopped. */
export function stopAt(l: Pick<OrderLetter, 'state' | 'not_after'>, now: number): StopAt {
  if (l.state === 'applied' || l.state === 'refused' || l.state === 'expired') return l.state;
  if (now >= Date.parse(l.not_after)) return 'late';
  return l.state === 'sent' ? 'sent' : 'queued';
}

/** Whether anything may still come of it. */
export const stopWaits = (at: StopAt): boolean => at === 'queued' || at === 'sent' || at === 'late';

/** Whether somebody has to go to the pump: nothing has stopped it, or nobody knows. */
export const stopFailed = (at: StopAt): boolean => at === 'refused' || at === 'expired' || at === 'late';
