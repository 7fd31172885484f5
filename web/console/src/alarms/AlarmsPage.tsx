import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import { api } from '../api/client';
import type { AlarmRow } from '../api/types';
import { useActiveAlarms, useAlarmCheck, useFeed, useLive, useNotLiveSince } from '../app/live';
import { useSites } from '../app/useSites';
import { useAddress } from '../app/useAddress';
import { useChange } from '../app/useChange';
import { useTitle } from '../app/useTitle';
import { may } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { priorityWord } from '../ui/Mark';
import { part } from '../ui/part';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import { clock } from '../units/time';
import { AlarmItem } from './AlarmItem';
import table from '../ui/Table.module.css';
import css from './alarms.module.css';
import { type AlarmsSearch, readAlarmsSearch } from './search';

const AckDialog = part(() => import('./AckDialog'));
const AlarmSheet = part(() => import('./AlarmSheet'));
const route = getRouteApi('/frame/alarms');

export default function AlarmsPage() {
  const { show, priority } = useAddress(route.useSearch(), readAlarmsSearch);
  const change = useChange(readAlarmsSearch);
  useTitle('Alarms', { title: `Alarms, ${show ? 'with cleared ones' : 'active'}${priority ? `, ${priorityWord[priority].toLowerCase()} only` : ', of every priority'}` });
  const [ack, setAck] = useState<AlarmRow | null>(null);
  const active = useActiveAlarms();
  // The dialog speaks of the alarm as it is now.
  const shown = ack && (active.find((a) => a.id === ack.id) ?? { ...ack, state: 'cleared' as const });
  return (
    <div className={css.page}>
      <div className={css.title}><h1 className="h1">Alarms</h1></div>
      <p className={css.notice}>The pump's own alarm is the primary alarm. This page informs; it does not replace a check of the patient.</p>
      <div className={css.choices}>
        <fieldset className={table.switch}>
          <legend className="sr-only">Which alarms</legend>
          {([undefined, 'all'] as const).map((v) => <button key={v ?? 'active'} type="button" aria-pressed={show === v} onClick={() => change({ show: v })}>{v ? 'With cleared' : 'Active'}</button>)}
        </fieldset>
        <span className={css.part} aria-hidden />
        <fieldset className={table.switch}>
          <legend className="sr-only">Of which priority</legend>
          {([undefined, 'high', 'medium', 'low'] as const).map((v) => <button key={v ?? 'every'} type="button" aria-pressed={priority === v} onClick={() => change({ priority: v })}>{v ? priorityWord[v] : 'Every priority'}</button>)}
        </fieldset>
      </div>
      {show === 'all' ? <AllAlarms priority={priority} onAck={setAck} /> : <ActiveAlarms alarms={active} priority={priority} onAck={setAck} />}
      <Suspense>{shown && <AckDialog key={shown.id} alarm={shown} onClose={() => setAck(null)} />}</Suspense>
    </div>
  );
}

interface ListProps {
  alarms: readonly AlarmRow[];
  /** Only these; undefined: all. */
  priority?: AlarmsSearch['priority'] | undefined;
  onAck: (a: AlarmRow) => void;
}

function List({ alarms, onAck }: ListProps) {
  const me = useMe();
  const [open, setOpen] = useState<AlarmRow | null>(null);
  const sites = useSites();
  return (
    <>
      <ul className={css.list} aria-label="Alarms">{alarms.map((a) => <AlarmItem key={a.id} alarm={a} site={sites.short(a.site)} showPump onOpen={setOpen} onAck={may.acknowledge(me, a.site) ? onAck : undefined} />)}</ul>
      <Suspense>{open && <AlarmSheet key={open.id} id={open.id} title={open.title} onClose={() => setOpen(null)} />}</Suspense>
    </>
  );
}

/** The list of the feed. "None" is only said of a list that was complete a moment ago. */
export function ActiveAlarms({ alarms: all, priority, onAck }: ListProps) {
  const alarms = priority ? all.filter((a) => a.priority === priority) : all;
  const kind = priority ? `${priority} alarm` : 'alarm';
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
      {alarms.length === 0 && check.recent && since === null && <Empty title={`No active ${kind}s`}>Checked at {clock(check.at)}.</Empty>}
      {alarms.length === 0 && (!check.recent || since !== null) && <Empty title="Not known">There was no active {kind} at {clock(check.at)}. Whether there is one now cannot be said.</Empty>}
    </>
  );
}

function AllAlarms({ priority, onAck }: Pick<ListProps, 'priority' | 'onAck'>) {
  const query = useInfiniteQuery({
    queryKey: ['alarms', 'all', priority ?? 'every'],
    queryFn: ({ pageParam }) => api.alarms({ state: 'all', limit: 200, ...(priority ? { least: priority, most: priority } : { least: 'low' }), ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '', getNextPageParam: (last) => last.next ?? undefined, refetchInterval: 15_000,
  });
  if (query.isPending) return <><Loading what="alarms" /><AlarmGhost /></>;
  if (query.isError && !query.data) return <Trouble what="The alarm list" error={query.error} retry={() => void query.refetch()} />;
  const items = query.data.pages.flatMap((p) => p.items);
  return (
    <>
      {query.isError && <NotCurrent of={query} />}
      {items.length === 0 && !query.hasNextPage ? <Empty title={`There has never been ${priority ? `a ${priority}` : 'an'} alarm`}>What a pump reports as an alarm appears here and stays, also when it is cleared.</Empty> : <List alarms={items} onAck={onAck} />}
      {query.hasNextPage && <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>Load older</Button>}
    </>
  );
}

function AlarmGhost() {
  return <ul className={css.list} aria-hidden>{[1, 2, 3, 4].map((i) => <li key={i} className={css.item}><Ghost width={72} height={20} /><Ghost width="60%" /><Ghost width="80%" /><span /></li>)}</ul>;
}
