import { useQuery } from '@tanstack/react-query';
import type { Order } from '../api/orders';
import { onCall } from '../api/reports';
import { useClock } from '../units/clock';
import { Stamp } from '../ui/Time';
import { escalationOf } from './escalation';
import { useHistory } from './queries';

/** Whom an order that waits was brought to, and to whom it goes when they do not answer. */
export function WhoIsAsked({ order }: { order: Order }) {
  const history = useHistory(order.id, false);
  const list = useQuery({ queryKey: ['on-call'], queryFn: onCall.list, staleTime: 30_000 });
  const events = history.data?.events;
  const data = list.data;
  // Looked at again by the minute: somebody's time on call begins or ends.
  const minute = useClock((now) => Math.ceil(now / 60_000));
  if (!events || !data) return null;
  const e = escalationOf(order, data, events, minute * 60_000);
  if (!e) return null;
  if (!e.asked && !e.next) return <p className="label">Nobody is on call at this site, so nobody is asked for it.</p>;
  return (
    <p className="label">
      {e.asked && <>Asked {e.asked.name} at <Stamp at={e.asked.at} />{e.next ? ', ' : '. Nobody is on call after them.'}</>}
      {e.next && <>{e.asked ? 'escalates' : 'Goes'} to {e.next.name} at <Stamp at={new Date(e.next.at).toISOString()} />.</>}
    </p>
  );
}
