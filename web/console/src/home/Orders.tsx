import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Suspense } from 'react';
import type { Order, Review } from '../api/orders';
import type { Me } from '../api/types';
import { usePumpsOf } from '../orders/usePumpsOf';
import { mayDose, waitsFor, waitWord } from '../orders/words';
import { useMe } from '../session/useMe';
import { part } from '../ui/part';
import { Age, Stamp } from '../ui/Time';
import { serverNow } from '../units/clock';
import { UNKNOWN } from '../units/quantity';
import { parseTime } from '../units/time';
import { Card, Good, Waits } from './Card';
import css from './home.module.css';
import { openOrders, openReviews, refusedOrders } from './queries';

// Only clinicians have orders that wait for them, and only some of these are not blind.
const OldNew = part(() => import('./OldNew'));

const WEEK_MS = 7 * 86_400_000;
/** How many of a list stand on home; the rest is one link away. */
const MOST = 5;

const oldest = (a: Order, b: Order) => Number(a.id) - Number(b.id);
const sayWord = { verify: 'to verify', sign: 'to read and sign', release: 'to release' } as const;

/** Orders that wait for oneself, oldest first: the first thing that a clinician does. */
export function Waiting() {
  const me = useMe();
  const query = useQuery(openOrders);
  const all = (query.data?.items ?? []).filter((o) => waitsFor(me, o) !== null).toSorted(oldest);
  const kinds = (['verify', 'sign', 'release'] as const).map((k) => [k, all.filter((o) => waitsFor(me, o) === k).length] as const).filter(([, n]) => n > 0);
  return (
    <Card title="Orders waiting for you">
      <Waits of={query} what="the list of orders" />
      {query.data && all.length === 0 && <Good>Nothing waits for you.</Good>}
      <p className="sr-only" role="status">{query.data && `${all.length} orders wait for you`}</p>
      {all.length > 0 && <p className={css.sum}>{kinds.map(([k, n]) => `${n} ${sayWord[k]}`).join(', ')}</p>}
      {all.length > 0 && <Lines all={all} me={me} name="Orders waiting for you, oldest first" />}
      {all.length > MOST && <More n={all.length - MOST} hash="waiting" />}
    </Card>
  );
}

const More = ({ n, hash }: { n: number; hash: string }) => <Link className="link" to="/orders" search={{}} hash={hash}>{n} more</Link>;

/** The orders that fit on home. To whoever is blind an order names its pump as little as its numbers: the serial is the registry's. */
function Lines({ all, me, name }: { all: readonly Order[]; me: Me; name: string }) {
  const some = all.slice(0, MOST);
  const { byId } = usePumpsOf(some);
  return <ol className={css.lines} aria-label={name}>{some.map((o) => <Line key={o.id} order={o} me={me} serial={o.document?.serial ?? byId.get(o.pump)?.serial} />)}</ol>;
}

function Line({ order: o, me, serial }: { order: Order; me: Me; serial: string | undefined }) {
  const waits = waitsFor(me, o);
  return (
    <li>
      <Link className="link" to="/orders/$id" params={{ id: o.id }} search={{}}>{waits ? waitWord[waits] : 'Look at'} order {o.id}</Link>{' '}
      <span className="mono">{serial ?? UNKNOWN}</span>{o.patient && <> · patient {o.patient}</>}{' '}
      <span className="label">by {o.proposer.name}, <Age at={o.proposed_at ?? o.created_at} />{o.code && o.state === 'refused' ? `: ${o.detail || o.code}` : ''}</span>
      {waits && !o.blind && o.document && <Suspense fallback={null}><OldNew order={{ ...o, document: o.document }} /></Suspense>}
    </li>
  );
}

/** Orders that pumps refused in the last week: what ran before runs on, and somebody has to know. */
export function Refused() {
  const me = useMe();
  const query = useQuery(refusedOrders);
  const since = serverNow() - WEEK_MS;
  const all = (query.data?.items ?? []).filter((o) => (parseTime(o.proposed_at ?? o.created_at) ?? 0) > since);
  return (
    <Card title="Refused by pumps">
      <Waits of={query} what="the list of refused orders" />
      {query.data && all.length === 0 && <Good>No pump refused an order in the last 7 days.</Good>}
      {all.length > 0 && <p className={css.sum}>{all.length}{query.data?.next && all.length === query.data.items.length ? ' or more' : ''} in the last 7 days. What ran before runs on.</p>}
      {all.length > 0 && <Lines all={all} me={me} name="Refused orders, newest first" />}
      {all.length > MOST && <More n={all.length - MOST} hash="over" />}
    </Card>
  );
}

/** Acts that one person did alone, that this person may look at. */
export function ToReview() {
  const me = useMe();
  const query = useQuery(openReviews);
  const all = (query.data?.items ?? []).filter((r) => r.by.id !== me.id && mayDose.check(me, r.site));
  return (
    <Card title="Acts to review">
      <Waits of={query} what="the list of acts" />
      {query.data && all.length === 0 && <Good>No act of one person alone waits for your look.</Good>}
      {all.length > 0 && <ol className={css.lines} aria-label="Acts to review">{all.slice(0, MOST).map((r) => <ReviewLine key={r.id} review={r} />)}</ol>}
      {all.length > MOST && <More n={all.length - MOST} hash="reviews" />}
    </Card>
  );
}

function ReviewLine({ review: r }: { review: Review }) {
  return <li><Link className="link" to="/orders" search={{}} hash="reviews">{r.by.name}, <Age at={r.at} /></Link> <span className="label">due <Stamp at={r.due_at} /></span></li>;
}
