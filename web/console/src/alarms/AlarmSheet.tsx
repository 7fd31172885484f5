import { Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, Suspense, useMemo, useState } from 'react';
import { type AlarmDetail, devices } from '../api/devices';
import { api } from '../api/client';
import { words } from '../api/problem';
import { usePump } from '../app/live';
import { axis as makeAxis } from '../chart/strip';
import { may } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { AlarmMark } from '../ui/Mark';
import { part } from '../ui/part';
import { Side } from '../ui/Side';
import { Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Age, Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { forDrawing, millilitres, millilitresPerDay } from '../units/quantity';
import { parseTime } from '../units/time';
import alarmCss from './alarms.module.css';
import { usePatientOf } from './usePatientOf';

const StripChart = part(() => import('../chart/StripChart').then((m) => ({ default: m.StripChart })));
const AckDialog = part(() => import('./AckDialog'));

const changeWord: Record<AlarmDetail['history'][number]['change'], string> = {
  raised: 'Raised', repeated: 'Raised again', cleared: 'Ended', acknowledged: 'Acknowledged', late: 'Reported late', closed: 'Closed', noted: 'Note',
};

/** One alarm: what it means, what to do, what the pump did around that time, and what people did about it. */
export default function AlarmSheet({ id, title, onClose }: { id: string; title: string; onClose: () => void }) {
  const query = useQuery({ queryKey: ['alarms', 'one', id], queryFn: () => devices.alarm(id), refetchInterval: 10_000 });
  return (
    <Side title={title} onClose={onClose}>
      {query.isPending && <><Loading what="the alarm" /><Ghost width="100%" height={320} /></>}
      {query.isError && !query.data && <Trouble what="The alarm" error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Body of={query.data} stale={query.isError} />}
    </Side>
  );
}

function Body({ of: a, stale }: { of: AlarmDetail; stale: boolean }) {
  const me = useMe();
  const patient = usePatientOf(a);
  const [ack, setAck] = useState(false);
  const acts = may.acknowledge(me, a.site);
  const details = Object.entries(a.detail);
  return (
    <>
      {stale && <p role="status"><strong>This is not current:</strong> the last answer failed.</p>}
      {a.state === 'cleared' && <p role="status"><strong>The condition has ended</strong> <Stamp at={a.cleared_at} full />.</p>}
      <p className={css.row}><AlarmMark priority={a.priority} quiet={a.state !== 'active'} /> <Link className="link mono" to="/pumps/$id" params={{ id: a.pump }} search={{}}>{a.pump_serial}</Link> <span className="label">{[patient, a.pump_label].filter(Boolean).join(' · ')}</span></p>
      <dl className={css.facts}>
        <div><dt className="label">Raised</dt><dd><Age at={a.raised_at} /> <span className="label"><Stamp at={a.raised_at} full />{a.count > 1 ? `, ${a.count} times` : ''}</span></dd></div>
        {a.device_at && <div><dt className="label">Pump's clock</dt><dd><Stamp at={a.device_at} full /></dd></div>}
        <div><dt className="label">State</dt><dd>{a.state}{a.latched && a.state !== 'cleared' ? ', latched: the pump keeps it until it is cleared there' : ''}</dd></div>
        <div><dt className="label">By</dt><dd>{a.source === 'pump' ? 'the pump' : 'this server'}, <span className="mono">{a.code}</span></dd></div>
        {a.detect && <div><dt className="label">Found by</dt><dd>{a.detect}</dd></div>}
        {a.effect && <div><dt className="label">Infusion</dt><dd>{a.effect}</dd></div>}
        {a.advice && <div><dt className="label">What to do</dt><dd><strong>{a.advice}</strong></dd></div>}
        {a.state !== 'cleared' && <div><dt className="label">To be looked at by</dt><dd><Stamp at={a.due_at} full /></dd></div>}
        {details.map(([k, v]) => <div key={k}><dt className="label">{k.replaceAll('_', ' ')}</dt><dd>{v}</dd></div>)}
      </dl>
      {acts && a.state === 'active' && <p className={css.row} style={{ padding: '8px 0' }}><Button onClick={() => setAck(true)}>Acknowledge</Button></p>}
      <section className={css.section} aria-labelledby="around"><h3 id="around">What the pump did around that time</h3><Around of={a} /></section>
      <section className={css.section} aria-labelledby="history">
        <h3 id="history">History</h3>
        <ol className={css.list}>
          {a.history.map((h) => <li key={h.id}><strong>{changeWord[h.change]}</strong> <span className="label"><Stamp at={h.at} /> {actorName(h.actor)}</span>{h.note && <p className={css.pre}>{h.note}</p>}</li>)}
        </ol>
        {acts && <NoteForm id={a.id} />}
      </section>
      <Suspense>{ack && <AckDialog alarm={a} onClose={() => setAck(false)} />}</Suspense>
    </>
  );
}

function NoteForm({ id }: { id: string }) {
  const queries = useQueryClient();
  const [note, setNote] = useState('');
  const run = useMutation({ mutationFn: () => devices.noteAlarm(id, note.trim()), onSuccess: () => { setNote(''); void queries.invalidateQueries({ queryKey: ['alarms'] }); } });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (note.trim() && !run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} className={alarmCss.form}>
      <Textarea label="Add a note. It does not acknowledge the alarm." value={note} onChange={(e) => setNote(e.currentTarget.value)} rows={2} maxLength={1000} />
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={css.row}><Button type="submit" variant="default" size="compact-md" disabled={!note.trim()} loading={run.isPending}>Add the note</Button></div>
    </form>
  );
}

const HOUR = 3_600_000;

/** Reservoir and rate from two hours before to two hours after, by the pump's clock. */
function Around({ of: a }: { of: AlarmDetail }) {
  const row = usePump(a.pump);
  const at = parseTime(a.device_at) ?? parseTime(a.raised_at) ?? 0;
  const [from, to] = [at - 2 * HOUR, at + 2 * HOUR];
  const query = useQuery({ queryKey: ['telemetry', a.pump, 'around', at], queryFn: () => api.telemetry(a.pump, from, to, 400), staleTime: 60_000 });
  const c = query.data?.columns;
  const gaps = useMemo(() => (query.data?.gaps ?? []).flatMap((g) => {
    const [b, e] = [parseTime(g.from), parseTime(g.to)];
    return b === null || e === null ? [] : [{ from: b, to: e, lost: g.lost }];
  }), [query.data]);
  const axis = useMemo(() => makeAxis(c?.at ?? [], gaps), [c, gaps]);
  const reservoir = useMemo(() => ({ name: 'Reservoir', values: (c?.reservoir_nl ?? []).map(forDrawing), text: (i: number) => millilitres(c?.reservoir_nl[i]) }), [c]);
  const rate = useMemo(() => ({ name: 'Rate', values: (c?.rate_nl_day ?? []).map(forDrawing), text: (i: number) => millilitresPerDay(c?.rate_nl_day[i]), step: true }), [c]);
  if (query.isPending) return <Ghost width="100%" height={200} />;
  if (query.isError) return <Trouble what="The telemetry" error={query.error} retry={() => void query.refetch()} />;
  if (!c || c.at.length === 0) return <p className="label">The pump sent no readings of that time.</p>;
  const shared = { loading: false, old: false, axis, gaps, from, to, onZoom: () => undefined };
  const capacity = forDrawing(row?.reservoir_capacity_nl);
  return (
    <Suspense fallback={<Ghost width="100%" height={200} />}>
      <StripChart title="Reservoir" unit="mL" series={reservoir} bounds={{ low: 0, ...(capacity === null ? {} : { high: capacity * 1.04 }), span: 1 }} height={112} decimals={0} timeAxis={false} {...shared} />
      <StripChart title="Rate" unit="mL/day" series={rate} bounds={{ low: 0, span: 0.1 }} height={112} decimals={2} timeAxis {...shared} />
    </Suspense>
  );
}
