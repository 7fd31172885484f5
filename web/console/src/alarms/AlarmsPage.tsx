import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { api } from '../api/client';
import type { AlarmRow } from '../api/types';
import { useActiveAlarms, useAlarmCheck, useFeed, useLive, useNotLiveSince } from '../app/live';
import { useSites } from '../app/useSites';
import { useAddress } from '../app/useAddress';
import { useTitle } from '../app/useTitle';
import { may } from '../session/session';
import { useMe } from '../session/useMe';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { clock } from '../units/time';
import { AlarmItem } from './AlarmItem';
import css from './alarms.module.css';
import { readAlarmsSearch } from './search';

const AckDialog = lazy(() => import('./AckDialog'));
const route = getRouteApi('/frame/alarms');

export default function AlarmsPage() {
  useTitle('Alarms');
  const { show } = useAddress(route.useSearch(), readAlarmsSearch);
  const [ack, setAck] = useState<AlarmRow | null>(null);
  const active = useActiveAlarms();
  // The dialog speaks of the alarm as it is now.
  const shown = ack && (active.find((a) => a.id === ack.id) ?? { ...ack, state: 'cleared' as const });
  return (
    <div className={css.page}>
      <div className={css.title}><h1 className="h1">Alarms</h1></div>
      <p className={css.notice}>The pump's own alarm is the primary alarm. This page informs; it does not replace a check of the patient.</p>
      <nav className={css.switch} aria-label="Which alarms">
        <Link to="/alarms" search={{}} className={css.tab} activeOptions={{ exact: true, includeSearch: true }} activeProps={{ 'aria-current': 'true' }}>Active</Link>
        <Link to="/alarms" search={{ show: 'all' }} className={css.tab} activeProps={{ 'aria-current': 'true' }}>With cleared</Link>
      </nav>
      {show === 'all' ? <AllAlarms onAck={setAck} /> : <ActiveAlarms alarms={active} onAck={setAck} />}
      <Suspense>{shown && <AckDialog key={shown.id} alarm={shown} onClose={() => setAck(null)} />}</Suspense>
    </div>
  );
}

interface ListProps {
  alarms: readonly AlarmRow[];
  onAck: (a: AlarmRow) => void;
}

function List({ alarms, onAck }: ListProps) {
  const me = useMe();
  const sites = useSites();
  return <ul className={css.list} aria-label="Alarms">{alarms.map((a) => <AlarmItem key={a.id} alarm={a} site={sites.short(a.site)} showPump onAck={may.acknowledge(me, a.site) ? onAck : undefined} />)}</ul>;
}

/** The list of the feed. "None" is only said of a list that was complete a moment ago. */
export function ActiveAlarms({ alarms, onAck }: ListProps) {
  const check = useAlarmCheck();
  const since = useNotLiveSince();
  const feed = useFeed();
  const { link } = useLive();
  if (check.at === null) {
    if (feed.trouble !== null) return <Trouble what="The alarm list" error={feed.trouble} retry={() => link.wake()} />;
    return <><Loading what="alarms" /><AlarmGhost /></>;
  }
  return (
    <>
      {(since !== null || !check.recent) && <p className={css.problem} role="alert"><strong>This list is not current.</strong> It was last complete at {clock(check.at)}.</p>}
      {alarms.length > 0 && <List alarms={alarms} onAck={onAck} />}
      {alarms.length === 0 && check.recent && since === null && <Empty title="No active alarms">Checked at {clock(check.at)}.</Empty>}
      {alarms.length === 0 && (!check.recent || since !== null) && <Empty title="Not known">There was no active alarm at {clock(check.at)}. Whether there is one now cannot be said.</Empty>}
    </>
  );
}

function AllAlarms({ onAck }: { onAck: (a: AlarmRow) => void }) {
  const query = useQuery({ queryKey: ['alarms', 'all'], queryFn: () => api.alarms({ state: 'all', limit: 500 }), refetchInterval: 15_000 });
  if (query.isPending) return <><Loading what="alarms" /><AlarmGhost /></>;
  if (query.isError && !query.data) return <Trouble what="The alarm list" error={query.error} retry={() => void query.refetch()} />;
  return query.data.items.length === 0 ? <Empty title="There has never been an alarm" /> : <List alarms={query.data.items.filter((a) => a.priority !== 'info')} onAck={onAck} />;
}

function AlarmGhost() {
  return <ul className={css.list} aria-hidden>{[1, 2, 3, 4].map((i) => <li key={i} className={css.item}><Ghost width={72} height={20} /><Ghost width="60%" /><Ghost width="80%" /><span /></li>)}</ul>;
}
