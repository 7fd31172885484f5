import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Order } from '../api/orders';
import { useBedside } from '../orders/bedside';
import { actWord, stateWord, waitsFor } from '../orders/words';
import { useMe } from '../session/useMe';
import { Age, Stamp } from '../ui/Time';
import { serverNow } from '../units/clock';
import { Card, Good, Waits } from './Card';
import css from './home.module.css';
import { proposalsOf } from './proposals';
import { endedOrders, openOrders } from './queries';

/** How many of a list stand on home; the rest is one link away. */
const MOST = 5;

/** What became of one's own proposals: who proposed hears of what came back, and of what ended without an effect. */
export function Proposals() {
  const me = useMe();
  const [open, ended] = [useQuery(openOrders), useQuery(endedOrders)];
  const both = open.data && ended.data;
  const of = proposalsOf([...(open.data?.items ?? []), ...(ended.data?.items ?? [])], me.id, serverNow(), (o) => waitsFor(me, o) !== null);
  // Of what ended only so much is read, of all sites.
  const lately = `ended without effect in the last 7 days${ended.data?.next ? ` (of the newest ${ended.data.items.length} that ended)` : ''}`;
  const sums = [[of.back.length, 'for you to take up or discard'], [of.over.length, lately], [of.open.length, 'with others']] as const;
  const all = [...of.back, ...of.over, ...of.open];
  return (
    <Card title="Your proposals">
      <Waits of={open.isError || !open.data ? open : ended} what="the list of your proposals" />
      {both && all.length === 0 && <Good>None is with others, came back or {lately}.</Good>}
      {all.length > 0 && <p className={css.sum}>{sums.filter(([n]) => n > 0).map(([n, words]) => `${n} ${words}`).join(', ')}</p>}
      {all.length > 0 && <ol className={css.lines} aria-label="Your proposals: what came back, what ended, what is open">{all.slice(0, MOST).map((o) => <Line key={o.id} order={o} />)}</ol>}
      {all.length > MOST && <Link className="link" to="/orders" search={{}} hash="mine">{all.length - MOST} more</Link>}
    </Card>
  );
}

function Line({ order: o }: { order: Order }) {
  const back = o.state === 'draft';
  const bedside = useBedside(o);
  return (
    <li>
      <Link className="link" to="/orders/$id" params={{ id: o.id }} search={{}}>{back && o.mismatches > 0 ? 'Came back' : stateWord[o.state]}: order {o.id}</Link>{' '}
      {o.document && <span className="mono">{o.document.serial}</span>}{' '}
      <span className="label">{actWord[o.act] ?? 'order'}, <Age at={o.closed_at ?? o.proposed_at ?? o.created_at} />{o.state === 'stale' && o.detail ? `: ${o.detail}` : ''}{bedside && `: ${bedside}`}{back && o.expires_at && <>; can be taken up until <Stamp at={o.expires_at} /></>}</span>
    </li>
  );
}
