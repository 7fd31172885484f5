import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Fragment, Suspense, useEffect, useState } from 'react';
import { AlarmItem } from '../alarms/AlarmItem';
import alarmCss from '../alarms/alarms.module.css';
import { api } from '../api/client';
import { Problem } from '../api/problem';
import type { AlarmRow, Program, PumpRow } from '../api/types';
import { useAlarmCheck, useFeedSettled, useNotLiveSince, usePump, usePumpAlarms } from '../app/live';
import { useSites } from '../app/useSites';
import { useAddress } from '../app/useAddress';
import { useArrived } from '../app/useArrived';
import { useChange } from '../app/useChange';
import { useTitle } from '../app/useTitle';
import { moreAlarms, TopAlarm } from '../fleet/TopAlarm';
import { statusWord } from '../fleet/status';
import { BeginVisit } from '../session/BeginVisit';
import { hasRole, may } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { clock } from '../units/time';
import { possibleActs } from './acts';
import { Faceplate } from './Faceplate';
import { ProgramCurve } from './ProgramCurve';
import css from './Pump.module.css';
import { readPumpSearch, type Tab } from './search';

const liveTab = () => import('./LiveTab');
const actions = () => import('./Actions');
const LiveTab = part(liveTab);
const TherapyTab = part(() => import('./TherapyTab'));
const Timeline = part(() => import('./Timeline'));
const Readings = part(() => import('./Readings'));
const AlarmsTab = part(() => import('./AlarmsTab'));
const AlarmSheet = part(() => import('../alarms/AlarmSheet'));
const Identity = part(() => import('./Identity'));
const Refusals = part(() => import('./Refusals'));
const AckDialog = part(() => import('../alarms/AckDialog'));
const Actions = part(actions);
const route = getRouteApi('/frame/pumps/$id');

/** What a tab is, in the title on paper, where the tabs themselves are not. */
const tabWord: Record<Tab, string> = { live: 'now and lately', therapy: 'therapy', readings: 'readings by people', timeline: 'timeline', alarms: 'alarms', identity: 'identity', refusals: 'refused messages' };

/** One pump: what it does now, what it did, what it is. */
export default function PumpPage() {
  const { id } = route.useParams();
  return <Page key={id} id={id} />;
}

function Page({ id }: { id: string }) {
  const search = useAddress(route.useSearch(), readPumpSearch);
  const live = usePump(id);
  const detail = useQuery({ queryKey: ['pump', id], queryFn: () => api.pump(id), refetchInterval: 30_000 });
  const { refetch } = detail;
  // What the row does not carry (certificate, cursors, gaps) is read again when what it does carry says so.
  const hint = live ? `${live.status} ${live.gaps_open} ${live.refused_24h} ${live.link} ${live.presence}` : '';
  useEffect(() => {
    if (hint !== '') void refetch();
  }, [hint, refetch]);
  const row: PumpRow | undefined = live ?? (detail.data && { ...detail.data, profile: detail.data.profile_detail?.id ?? '' });
  const name = row ? `${row.serial}${row.label ? ` ${row.label}` : ''}` : 'Pump';
  const sites = useSites();
  useTitle(name, row && { title: `Pump ${name}: ${tabWord[search.tab ?? 'live']}`, site: sites.name(row.site) });
  const change = useChange(readPumpSearch);
  // The name, the patient, the alarms and the front come as one: the acts and the tabs below must not move when one of them is late.
  const arrived = useArrived(!detail.isPending, useFeedSettled());
  const since = useNotLiveSince();
  const first = search.tab === undefined;
  useEffect(() => {
    void actions();
    if (first) void liveTab();
  }, [first]);

  if (!row && detail.isError) {
    if (detail.error instanceof Problem && detail.error.status === 404) {
      return <Empty page title="There is no such pump" action={<Link className="link" to="/fleet" search={{}}>Back to the fleet</Link>}>It may belong to a site that you do not see.</Empty>;
    }
    return <Trouble page="Pump" what="The pump" error={detail.error} retry={() => void refetch()} />;
  }
  if (!row || !arrived) return <PumpGhost />;
  return (
    <article className={css.page} data-pump={id}>
      <Header row={row} patient={detail.data?.patient ?? null} patientId={detail.data?.patient_id ?? null} />
      {detail.isError && !detail.data && <Trouble what="The patient, the program and the identity" error={detail.error} retry={() => void refetch()} />}
      {detail.isError && detail.data && <p role="status"><strong>Not current:</strong> patient, program and identity could not be read again.</p>}
      {since !== null && <p role="status" className={css.stale}><strong>This page is not current</strong> since {clock(since)}: it shows the last that was received. The pump goes on by itself.</p>}
      <Faceplate row={row} />
      <Tabs value={search.tab ?? 'live'} onChange={(t) => change({ tab: t === 'live' ? undefined : (t as Tab) })}>
        <Tabs.List className={css.tabs} aria-label="Parts of this pump">
          <Tabs.Tab value="live">Live</Tabs.Tab>
          <Tabs.Tab value="therapy">Therapy</Tabs.Tab>
          <Tabs.Tab value="readings">Readings</Tabs.Tab>
          <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
          <Tabs.Tab value="alarms">Alarms</Tabs.Tab>
          <Tabs.Tab value="identity">Identity</Tabs.Tab>
          <Tabs.Tab value="refusals">Refusals{row.refused_24h > 0 ? ` (${row.refused_24h} in 24 h)` : ''}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="live">
          <div className={css.live}>
            <Suspense fallback={<Ghost width="100%" height={480} />}><LiveTab row={row} search={search} change={change} /></Suspense>
            <aside className={css.side}>
              <Alarms row={row} />
              <ProgramPart row={row} program={detail.data?.program ?? null} known={!detail.isPending} failed={detail.isError} />
            </aside>
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="therapy"><Suspense fallback={<Ghost width="100%" height={320} />}><TherapyTab row={row} /></Suspense></Tabs.Panel>
        <Tabs.Panel value="timeline"><Suspense fallback={<Ghost width="100%" height={320} />}><Timeline pump={id} groups={search.groups} by={search.by} onNarrow={change} day={search.day} onDay={(day) => change({ day })} /></Suspense></Tabs.Panel>
        <Tabs.Panel value="readings"><Suspense fallback={<Ghost width="100%" height={320} />}><Readings row={row} /></Suspense></Tabs.Panel>
        <Tabs.Panel value="alarms"><Suspense fallback={<Ghost width="100%" height={320} />}><AlarmsTab row={row} /></Suspense></Tabs.Panel>
        <Tabs.Panel value="identity"><Suspense fallback={<Ghost width="100%" height={320} />}><Identity query={detail} /></Suspense></Tabs.Panel>
        <Tabs.Panel value="refusals"><Suspense fallback={<Ghost width="100%" height={160} />}><Refusals pump={id} /></Suspense></Tabs.Panel>
      </Tabs>
    </article>
  );
}

function Header({ row, patient, patientId }: { row: PumpRow; patient: string | null; patientId: string | null }) {
  const me = useMe();
  const sites = useSites();
  const possible = possibleActs(row, (roles) => hasRole(me, row.site, roles));
  return (
    <header className={css.header}>
      <Link to="/fleet" search={{}} className={css.back}><Icon name="left" /> Fleet</Link>
      <div className={css.ident}>
        <h1 className={css.name}><span className="mono">{row.serial}</span>{row.label && <span className={css.label}>{row.label}</span>}</h1>
        <p className={css.facts}>{[sites.name(row.site), row.model, statusWord[row.status], patient && `patient ${patient}`, row.firmware && `firmware ${row.firmware}`].filter((f) => typeof f === 'string' && f !== '').map((f, i) => <Fragment key={f as string}>{i > 0 && ' · '}<span className={i > 0 ? css.whole : undefined}>{f}</span></Fragment>)} <span className={`label ${css.heard}`}>heard <Age at={row.last_heard} /></span></p>
      </div>
      {row.alarms.high + row.alarms.medium + row.alarms.low > 0 && <p className={css.top}><TopAlarm row={row} /><span className="label">{moreAlarms(row)}</span></p>}
      <div className={css.acts}>
        {patient !== null && patientId !== null && !me.visit && may.visit(me, row.site) && <BeginVisit id={patientId} token={patient} serial={row.serial} />}
        {possible.length > 0 && <Suspense fallback={<Button variant="default" disabled rightSection={<Icon name="down" size={12} />}>Actions</Button>}><Actions row={row} possible={possible} /></Suspense>}
      </div>
    </header>
  );
}

function Alarms({ row }: { row: PumpRow }) {
  const me = useMe();
  const alarms = usePumpAlarms(row.id);
  const check = useAlarmCheck();
  const since = useNotLiveSince();
  const [ack, setAck] = useState<AlarmRow | null>(null);
  const [open, setOpen] = useState<AlarmRow | null>(null);
  const shown = ack && (alarms.find((a) => a.id === ack.id) ?? { ...ack, state: 'cleared' as const });
  const current = check.recent && since === null;
  return (
    <section aria-labelledby="pump-alarms">
      <h2 id="pump-alarms" className={css.sideTitle}>Alarms</h2>
      {!current && check.at !== null && <p className="label"><strong>Not current</strong>, last complete at {clock(check.at)}.</p>}
      {alarms.length > 0 && <ul className={`${alarmCss.list} ${alarmCss.compact}`}>{alarms.map((a) => <AlarmItem key={a.id} alarm={a} showPump={false} onOpen={setOpen} onAck={may.acknowledge(me, row.site) ? setAck : undefined} />)}</ul>}
      {alarms.length === 0 && current && <p className={css.none}>No active alarms <span className="label">checked {clock(check.at!)}</span></p>}
      {alarms.length === 0 && check.at === null && <Ghost width="60%" />}
      <Suspense>{shown && <AckDialog key={shown.id} alarm={shown} onClose={() => setAck(null)} />}{open && <AlarmSheet key={open.id} id={open.id} title={open.title} onClose={() => setOpen(null)} />}</Suspense>
    </section>
  );
}

function ProgramPart({ row, program, known, failed }: { row: PumpRow; program: Program | null; known: boolean; failed: boolean }) {
  return (
    <section aria-labelledby="pump-program">
      <h2 id="pump-program" className={css.sideTitle}>Program</h2>
      {program && program.segments.length > 0 && <ProgramCurve program={program} />}
      {program && program.segments.length === 0 && <p>{program.mode.replaceAll('_', ' ')}</p>}
      {program && <p className={css.hash}><span className="label">as the pump last said</span> <code title={program.hash}>{program.hash.slice(0, 16)}</code></p>}
      {known && !program && <p className="label">{failed ? 'It could not be read: see above.' : `${row.serial} has not said what it runs.`}</p>}
      {!known && <Ghost width="100%" height={96} />}
    </section>
  );
}

function PumpGhost() {
  return (
    <div className={css.page}>
      <Loading page="Pump" what="the pump" />
      <div className={css.header}><Ghost width={240} height={32} /></div>
      <Ghost width="100%" height={160} />
      <div style={{ height: 56 }} />
      <Ghost width="100%" height={320} />
    </div>
  );
}
