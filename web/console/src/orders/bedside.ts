import type { Order } from '../api/orders';
import { useClock } from '../units/clock';
import { hourMinute, parseTime } from '../units/time';
import { isAway } from './words';

type Waiting = Pick<Order, 'state'> & Partial<Pick<Order, 'bedside_until'>>;

/** Whether the pump waits now for somebody beside the patient to confirm the order; now is the server's time in milliseconds. */
export function waitsThere(o: Waiting, now: number): boolean {
  const until = isAway(o.state) ? parseTime(o.bedside_until) : null;
  return until !== null && now < until;
}

/** What is known of an order's confirmation at the bedside, in words; null if nothing is. Only the pump's answer tells what came of it. */
export function bedsideWords(o: Waiting, now: number): string | null {
  const until = parseTime(o.bedside_until);
  if (until === null) return null;
  const at = hourMinute(until);
  if (isAway(o.state)) return now < until ? `Waits for confirmation at the bedside until ${at}` : `Was to be confirmed at the bedside by ${at}; the pump has not said what came of it`;
  return o.state === 'withdrawn' && now < until ? `The pump still asks for it at the bedside until ${at}: do not confirm it there` : null;
}

export const useBedside = (o: Waiting): string | null => useClock((now) => bedsideWords(o, now));
export const useWaitsThere = (o: Waiting): boolean => useClock((now) => waitsThere(o, now));
