import { useQuery } from '@tanstack/react-query';
import type { Order } from '../api/orders';
import { useActiveAlarms, useFeedSettled, useNotLiveSince } from '../app/live';
import { useArrived } from '../app/useArrived';
import { useTitle } from '../app/useTitle';
import { useMe } from '../session/useMe';
import { AlarmItem } from '../alarms/AlarmItem';
import alarmCss from '../alarms/alarms.module.css';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { OrderList, Past } from './OrderList';
import { usePumpsOf } from './usePumpsOf';
import css from './orders.module.css';
import { Drafts } from './Drafts';
import { draftsQuery, useLibrary, useOpenOrders, useOverOrders, useReviews } from './queries';
import { Reviews } from './Reviews';
import { proposesSomewhere, takesPart, waitsFor } from './words';

/** What waits for oneself, what one has proposed, what else is open, and what is over. */
export default function OrdersPage() {
  useTitle('Orders');
  const me = useMe();
  const list = useOpenOrders();
  const past = useOverOrders();
  const frozen = useNotLiveSince();
  const alarms = useActiveAlarms().filter((a) => a.priority === 'high').slice(0, 5);
  const all = list.data ?? [];
  const over = past.data?.pages.flatMap((p) => p.items) ?? [];
  const arrived = useArrived(!list.isPending, !past.isPending, usePumpsOf([...all, ...over]).settled, !useLibrary().pending, !useQuery(draftsQuery).isPending, !useReviews().isPending, useFeedSettled());
  const oldest = (a: Order, b: Order) => Number(a.id) - Number(b.id);
  const waiting = all.filter((o) => waitsFor(me, o) !== null).toSorted(oldest);
  const mine = all.filter((o) => o.proposer.id === me.id && !waiting.includes(o));
  const open = all.filter((o) => o.state !== 'draft' && !waiting.includes(o) && !mine.includes(o));
  const others = takesPart(me) ? 'Open, with others' : 'Open';
  return (
    <div className={css.page}>
      <h1 className="h1">Orders</h1>
      <p className={css.quiet}>A dose changes only by an order that people have signed with their own keys and that the pump has checked.{proposesSomewhere(me) && ' A new one begins on the page of its pump, under “Therapy”.'}</p>
      {!arrived && <><Loading what="orders" /><Ghost width="100%" height={320} /></>}
      {list.isError && !list.data && <Trouble what="The list of orders" error={list.error} retry={() => void list.refetch()} />}
      {(list.isError && list.data || frozen !== null) && <p role="status"><strong>This list is not current:</strong> {frozen !== null ? 'the connection is being restored.' : 'the last answer failed.'}</p>}
      {arrived && list.data && (
        <>
          {takesPart(me) && (
            <section aria-labelledby="waiting" className={css.section}>
              <h2 id="waiting">Waiting for you <span className="label" aria-live="polite">{waiting.length}</span></h2>
              {waiting.length === 0 ? <p className={css.quiet}>Nothing waits for you.</p> : <OrderList all={waiting} name="Waiting for you" />}
            </section>
          )}
          <Drafts />
          {alarms.length > 0 && (
            <section aria-labelledby="high" className={css.section}>
              <h2 id="high">High alarms of your pumps</h2>
              <ul className={`${alarmCss.list} ${alarmCss.compact}`}>{alarms.map((a) => <AlarmItem key={a.id} alarm={a} showPump />)}</ul>
            </section>
          )}
          {mine.length > 0 && <section aria-labelledby="mine" className={css.section}><h2 id="mine">Your proposals</h2><OrderList all={mine} name="Your proposals" /></section>}
          {open.length > 0 && <section aria-labelledby="open" className={css.section}><h2 id="open">{others}</h2><OrderList all={open} name={others} /></section>}
          <Reviews />
          <section aria-labelledby="over" className={css.section}>
            <h2 id="over">Over</h2>
            <Past of={past} what="The list of orders that are over" name="Over">
              {all.length === 0 ? <Empty title="No orders yet">{proposesSomewhere(me) ? 'The first one is proposed on the page of a pump, under “Therapy”.' : 'Prescribers propose them on the pages of pumps.'}</Empty> : <p className={css.quiet}>None is over yet.</p>}
            </Past>
          </section>
        </>
      )}
    </div>
  );
}
