import { useQueries } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Fragment, type ReactNode } from 'react';
import type { AlarmRow, Me, Role } from '../api/types';
import { useActiveAlarms, useAlarmCheck, useFeed, useFeedSettled, useLive, useNotLiveSince } from '../app/live';
import { useArrived } from '../app/useArrived';
import { useTitle } from '../app/useTitle';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import { AlarmMark } from '../ui/Mark';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { type Counts, useCounts } from './counts';
import { Events } from './Events';
import { Alarms, Links, Patients, Reach, Refills, Supply } from './Fleet';
import css from './home.module.css';
import { Refused, ToReview, Waiting } from './Orders';
import { Proposals } from './Proposals';
import { Codes, Recalls, Record, System } from './Others';
import { checkpointQuery, codesQuery, endedOrders, eventsQuery, openOrders, openReviews, recallsQuery, refusedOrders, statusQuery } from './queries';

const bedside: readonly Role[] = ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist'];

type Key = 'waiting' | 'proposals' | 'patients' | 'refused' | 'review' | 'codes' | 'record' | 'alarms' | 'reach' | 'supply' | 'links' | 'refills' | 'recalls' | 'system';

const parts: Readonly<Record<Key, (of: Counts | null) => ReactNode>> = {
  waiting: () => <Waiting />, proposals: () => <Proposals />, patients: (of) => <Patients of={of} />, refused: () => <Refused />, review: () => <ToReview />, codes: () => <Codes />, record: () => <Record />,
  alarms: () => <Alarms />, reach: (of) => <Reach of={of} />, supply: (of) => <Supply of={of} />, links: (of) => <Links of={of} />, refills: (of) => <Refills of={of} />,
  recalls: () => <Recalls />, system: () => <System />,
};

/** What the cards ask the server; the others count the live fleet. */
const asks = { waiting: openOrders, proposals: endedOrders, refused: refusedOrders, review: openReviews, codes: codesQuery, record: checkpointQuery, recalls: recallsQuery, system: statusQuery };
const isAsked = (key: Key): key is keyof typeof asks => key in asks;

/** What each role works on, first things first. */
export const work: Readonly<Record<Role, readonly Key[]>> = {
  prescriber: ['waiting', 'proposals', 'patients', 'refused', 'review', 'refills'],
  verifier: ['waiting', 'patients', 'refused', 'review', 'refills'],
  pharmacist: ['waiting', 'refused', 'review', 'refills', 'patients'],
  nurse: ['waiting', 'refills', 'patients', 'refused', 'recalls'],
  engineer: ['alarms', 'reach', 'supply', 'links', 'refills', 'recalls', 'system'],
  auditor: ['record', 'system', 'alarms', 'recalls'],
  admin: ['codes', 'system', 'record', 'alarms'],
};

/** Whoever has several roles sees each part once, in the order of the first that has it. */
export const partsOf = (me: Me): Key[] => [...new Set((Object.keys(work) as Role[]).filter((r) => hasAnyRole(me, [r])).flatMap((r) => work[r]))];

/** What needs somebody now, by what they do here: counts that lead to exactly what they count, each card on its own. */
export default function HomePage() {
  useTitle('Home');
  const me = useMe();
  const { counts, error, retry } = useCounts(!me.visit);
  const { sync, link } = useLive();
  const feed = useFeed();
  const stale = useNotLiveSince() !== null;
  const keys = partsOf(me);
  const answered = useQueries({ queries: me.visit ? [] : [eventsQuery, ...keys.filter(isAsked).map((k) => asks[k])] as { queryKey: readonly unknown[] }[], combine: (all) => all.every((q) => !q.isPending) });
  const arrived = useArrived(me.visit !== null || counts !== null || error !== null, useFeedSettled(), answered);
  if (counts?.all === 0 && hasAnyRole(me, ['engineer'])) {
    return <Empty page title="Connect a pump, or start the emulator">Register a pump and hand its claim slip to the communicator. To try Cisterna without one: <code>cisterna demo</code>.</Empty>;
  }
  const unread = sync.epoch === null ? feed.trouble : error;
  const again = () => (sync.epoch === null ? link.wake() : retry());
  return (
    <div className={css.page} data-stale={stale || undefined}>
      <h1 className="h1">Home</h1>
      {stale && <p className={css.notCurrent}>These counts are not current.</p>}
      {arrived && hasAnyRole(me, bedside) && <Worst />}
      {unread !== null && unread !== undefined && <Trouble what="The fleet" error={unread} retry={again} />}
      {!arrived && <><Loading what="what needs you" /><HomeGhost cards={me.visit ? 1 : keys.length} /></>}
      {arrived && <div className={css.cards}>
        {/* A session that is locked to one patient is told of that pump's alarms, and nothing else. */}
        {me.visit && <Alarms />}
        {!me.visit && keys.map((key) => <Fragment key={key}>{parts[key](counts)}</Fragment>)}
      </div>}
      {arrived && !me.visit && <Events />}
    </div>
  );
}

/** The cards before they have come. */
function HomeGhost({ cards }: { cards: number }) {
  return <div className={css.cards} aria-hidden>{Array.from({ length: cards }, (_, i) => <div key={i} className={css.card}><Ghost width="40%" height={20} /><Ghost width="100%" height={112} /></div>)}</div>;
}

/** The most urgent alarm, and the way to its pump. Its place stays when there is none, so that nothing moves when one comes or goes. */
function Worst() {
  const alarms = useActiveAlarms();
  const worst: AlarmRow | undefined = alarms.find((a) => a.state === 'active') ?? alarms[0];
  const check = useAlarmCheck();
  if (!worst) {
    return (
      <section className={css.worst} aria-label="Most urgent">
        <p>{check.at === null ? 'Alarms are not known yet.' : check.recent ? 'No alarm is active.' : 'Not current: alarms were not checked in the last 30 seconds.'}</p>
      </section>
    );
  }
  return (
    <section className={css.worst} aria-label="Most urgent">
      <AlarmMark priority={worst.priority} quiet={worst.state !== 'active'} />
      <p><strong>{worst.title}</strong> <span className="mono">{worst.pump_serial}</span> <span className="label">{worst.pump_label} <Age at={worst.raised_at} /></span></p>
      <Link className={css.open} to="/pumps/$id" params={{ id: worst.pump }} search={{}}>Open<span className="sr-only"> pump {worst.pump_serial}</span></Link>
    </section>
  );
}
