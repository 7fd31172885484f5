import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { api } from '../api/client';
import type { AlarmRow, FleetEvent, PumpRow } from '../api/types';
import { useActiveAlarms, useAlarmCheck, useAlarmCounts, useLive, useNotLiveSince } from '../app/live';
import { useTitle } from '../app/useTitle';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import { AlarmMark } from '../ui/Mark';
import { Empty, Ghost, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { Changed } from '../ui/Value';
import { actorName } from '../units/plain';
import { parseDigits } from '../units/quantity';
import css from './home.module.css';

/** What needs somebody now, and what has happened: counts that lead to their lists, each card on its own. */
export default function HomePage() {
  useTitle('Home');
  const me = useMe();
  const fleet = useFleet();
  const stale = useNotLiveSince() !== null;
  const bedside = hasAnyRole(me, ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist']);
  if (fleet && fleet.total === 0 && hasAnyRole(me, ['engineer'])) {
    return <Empty page title="Connect a pump, or start the emulator">Register a pump and hand its claim slip to the communicator. To try Cisterna without one: <code>cisterna demo</code>.</Empty>;
  }
  return (
    <div className={css.page} data-stale={stale || undefined}>
      <h1 className="h1">Home</h1>
      {stale && <p className={css.notCurrent}>These counts are not current.</p>}
      {bedside && <Worst />}
      <div className={css.cards}>
        <Alarms />
        <Card title="Reach" of={fleet}>{(f) => (
          <>
            <Count n={f.offline} to="/fleet" search={{ presence: ['offline'] }}>offline</Count>
            <Count n={f.silent} to="/fleet" search={{ presence: ['stale'] }}>silent for longer than their profile allows</Count>
            <Count n={f.never} to="/fleet" search={{ presence: ['never'] }}>never seen</Count>
            <Count n={f.online} to="/fleet" search={{ presence: ['online'] }}>online</Count>
          </>
        )}</Card>
        <Card title="Pumps" of={fleet}>{(f) => (
          <>
            <Count n={f.stopped} to="/fleet" search={{ run: ['stopped'] }}>stopped</Count>
            <Count n={f.lowReservoir} to="/fleet" search={{ sort: 'reservoir' }}>at or below the low-reservoir mark, lowest first</Count>
            <Count n={f.lowBattery} to="/fleet" search={{ sort: 'battery' }}>with a battery at 20 % or less, lowest first</Count>
            <Count n={f.total} to="/fleet" search={{}}>in all</Count>
          </>
        )}</Card>
        {hasAnyRole(me, ['auditor', 'admin']) && <Record />}
      </div>
      <Events />
    </div>
  );
}

interface Fleet { total: number; online: number; offline: number; silent: number; never: number; stopped: number; lowReservoir: number; lowBattery: number }

function count(rows: Iterable<PumpRow>): Fleet {
  const f: Fleet = { total: 0, online: 0, offline: 0, silent: 0, never: 0, stopped: 0, lowReservoir: 0, lowBattery: 0 };
  for (const r of rows) {
    f.total++;
    if (r.presence === 'online') f.online++;
    if (r.presence === 'offline') f.offline++;
    if (r.presence === 'stale') f.silent++;
    if (r.presence === 'never') f.never++;
    if (r.run === 'stopped') f.stopped++;
    const [volume, low] = [parseDigits(r.reservoir_nl), parseDigits(r.reservoir_low_nl)];
    if (volume !== null && low !== null && volume <= low) f.lowReservoir++;
    if (r.battery_pct !== null && r.battery_pct <= 20) f.lowBattery++;
  }
  return f;
}

/** The fleet in numbers, at most once a second; null before it is read. */
function useFleet(): Fleet | null {
  const { sync } = useLive();
  const [fleet, setFleet] = useState(() => (sync.epoch === null ? null : count(sync.pumps.values())));
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = 0; // the first answer at once
    const off = sync.pumps.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        wait = 1000;
        if (sync.epoch !== null) setFleet(count(sync.pumps.values()));
      }, wait);
    });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [sync]);
  return fleet;
}

function Card({ title, of, children }: { title: string; of: Fleet | null; children: (f: Fleet) => ReactNode }) {
  return (
    <section className={css.card} aria-label={title}>
      <h2 className="h2">{title}</h2>
      {of ? <div className={css.counts}>{children(of)}</div> : <Ghost width="100%" height={128} />}
    </section>
  );
}

function Count({ n, to, search, children }: { n: number; to: '/fleet' | '/alarms'; search: object; children: ReactNode }) {
  return (
    <Link to={to} search={search as never} className={css.count} data-none={n === 0 || undefined}>
      <span className={css.n}><Changed of={n}>{n}</Changed></span> <span>{children}</span>
    </Link>
  );
}

function Alarms() {
  const counts = useAlarmCounts();
  const known = useAlarmCheck().at !== null;
  return (
    <section className={css.card} aria-label="Alarms">
      <h2 className="h2">Alarms</h2>
      {known
        ? (
          <div className={css.counts}>
            {(['high', 'medium', 'low'] as const).map((p) => (
              <Count key={p} n={counts[p]} to="/alarms" search={{ priority: p }}>
                {p}{counts.waiting[p] > 0 && `, ${counts.waiting[p]} not acknowledged`}
              </Count>
            ))}
          </div>
        )
        : <Ghost width="100%" height={128} />}
    </section>
  );
}

/** The most urgent alarm, and the way to its pump. */
function Worst() {
  const alarms = useActiveAlarms();
  const worst: AlarmRow | undefined = alarms.find((a) => a.state === 'active') ?? alarms[0];
  if (!worst) return null;
  return (
    <section className={css.worst} aria-label="Most urgent">
      <AlarmMark priority={worst.priority} quiet={worst.state !== 'active'} />
      <p><strong>{worst.title}</strong> <span className="mono">{worst.pump_serial}</span> <span className="label">{worst.pump_label} <Age at={worst.raised_at} /></span></p>
      <Link className={css.open} to="/pumps/$id" params={{ id: worst.pump }} search={{}}>Open<span className="sr-only"> pump {worst.pump_serial}</span></Link>
    </section>
  );
}

function Record() {
  const query = useQuery({ queryKey: ['checkpoint'], queryFn: api.checkpoint, refetchInterval: 10_000, retry: false });
  return (
    <section className={css.card} aria-label="Record">
      <h2 className="h2">Record</h2>
      {query.isPending && <Ghost width="100%" height={128} />}
      {query.isError && <Trouble what="The record" error={query.error} retry={() => void query.refetch()} />}
      {query.data && (
        <div className={css.counts}>
          <Link to="/record" search={{}} className={css.count}><span className={css.n}>{query.data.size}</span> <span>entries under the newest checkpoint: verify them</span></Link>
        </div>
      )}
    </section>
  );
}

function Events() {
  const query = useQuery({ queryKey: ['events', 'tail'], queryFn: () => api.events({ tail: 10 }), refetchInterval: 10_000, retry: false });
  const items = useMemo(() => (query.data?.items ?? []).toReversed(), [query.data]);
  return (
    <section className={css.events} aria-label="Last events">
      <h2 className="h2">Last events</h2>
      {query.isPending && <Ghost width="100%" height={320} />}
      {query.isError && items.length === 0 && <Trouble what="The list of events" error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && items.length === 0 && <p className="label">Nothing has happened yet.</p>}
      {items.length > 0 && <ol aria-label="Events, newest first">{items.map((e) => <EventLine key={e.cursor} event={e} />)}</ol>}
    </section>
  );
}

function EventLine({ event: e }: { event: FleetEvent }) {
  return (
    <li className={css.event}>
      <Age at={e.at} className={css.when} />
      <span>
        {e.title}{e.detail.title ? `: ${e.detail.title}` : ''}
        {e.pump && <> <Link className="link" to="/pumps/$id" params={{ id: e.pump }} search={{}}><span className="mono">{e.pump_serial ?? `pump ${e.pump}`}</span></Link></>}
      </span>
      <span className="label">{actorName(e.actor)}</span>
    </li>
  );
}
