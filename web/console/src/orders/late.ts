import type { Order } from '../api/orders';
import { useClock } from '../units/clock';
import { parseTime } from '../units/time';
import { isAway } from './words';

/** A release that is not answered for so long is as urgent as an alarm (reference/console.md 7, screen 14). */
const LATE_MS = 5 * 60_000;

/** Whole minutes since a release that the pump has not answered, once it is late; else null. now is the server's time in milliseconds. */
export function lateBy(o: Pick<Order, 'state' | 'released_at'>, now: number): number | null {
  const since = isAway(o.state) ? parseTime(o.released_at) : null;
  return since !== null && now - since >= LATE_MS ? Math.floor((now - since) / 60_000) : null;
}

export const useLate = (o: Pick<Order, 'state' | 'released_at'>): number | null => useClock((now) => lateBy(o, now));
