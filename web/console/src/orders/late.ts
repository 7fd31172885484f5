import type { Order } from '../api/orders';
import { useClock } from '../units/clock';
import { parseTime } from '../units/time';
import { waitsThere } from './bedside';
import { isAway } from './words';

/** A release that is not answered for so long is as urgent as an alarm (reference/console.md 7, screen 14). */
const LATE_MS = 5 * 60_000;

type Released = Pick<Order, 'state' | 'released_at'> & Partial<Pick<Order, 'bedside_until'>>;

/** Whole minutes since a release that the pump has not answered, once it is late; else null. One that waits at the bedside is not late: the pump says that it has it, and what it runs. now is the server's time in milliseconds. */
export function lateBy(o: Released, now: number): number | null {
  const since = isAway(o.state) && !waitsThere(o, now) ? parseTime(o.released_at) : null;
  return since !== null && now - since >= LATE_MS ? Math.floor((now - since) / 60_000) : null;
}

export const useLate = (o: Released): number | null => useClock((now) => lateBy(o, now));
