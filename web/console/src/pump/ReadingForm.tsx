import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { devices, type NewReading, type Reading } from '../api/devices';
import { words } from '../api/problem';
import type { PumpRow } from '../api/types';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Choice, Line } from '../ui/Field';
import css from '../ui/Table.module.css';
import { entryError, readMillilitres } from '../units/entry';
import { exact } from '../units/quantity';
import { zone } from '../units/time';

const ml = (nl: string | null) => (nl === null ? '' : exact(BigInt(nl), 1_000_000n));

/** "2026-01-31T14:05" of a moment, by this computer's zone. */
function local(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What somebody read off a pump, or a correction of what was typed before. */
export function ReadingForm({ row, wrong, onDone, onClose }: { row: PumpRow; wrong?: Reading; onDone: () => void; onClose: () => void }) {
  const me = useMe();
  const [v, setV] = useState({
    at: local(wrong ? new Date(wrong.taken_at) : new Date()), by: wrong?.taken_by ?? me.name, residual: ml(wrong?.residual_nl ?? null), rate: ml(wrong?.rate_nl_day ?? null),
    alarms: wrong?.alarms.join(' ') ?? '', program: wrong?.program ?? '', note: wrong?.note ?? '', reason: '',
  });
  const [source, setSource] = useState<Reading['source']>(wrong?.source ?? 'programmer');
  const [battery, setBattery] = useState<Reading['battery']>(wrong?.battery ?? '');
  const [looked, setLooked] = useState(wrong?.alarms_seen ?? false);
  const [tried, setTried] = useState(false);
  const set = (name: keyof typeof v) => (value: string) => setV({ ...v, [name]: value });
  const problems = {
    at: v.at === '' ? 'Say when it was read.' : undefined,
    by: v.by.trim() === '' ? 'Say who measured.' : undefined,
    residual: entryError(v.residual), rate: entryError(v.rate),
    reason: wrong && v.reason.trim() === '' ? 'Say what was wrong.' : undefined,
    nothing: v.residual.trim() === '' && v.rate.trim() === '' && battery === '' && !looked && v.alarms.trim() === '' && v.program.trim() === '' && !wrong?.steps.length ? 'Nothing was read: fill in at least one of them.' : undefined,
  };
  const run = useMutation({
    mutationFn: () => {
      const quantity = (text: string) => {
        const e = text.trim() === '' ? null : readMillilitres(text);
        return e && 'digits' in e ? e.digits : undefined;
      };
      const residual = quantity(v.residual);
      const rate = quantity(v.rate);
      const r: NewReading = {
        taken_at: new Date(v.at).toISOString(), taken_by: v.by.trim(), source, battery, alarms: v.alarms.trim() === '' ? [] : v.alarms.trim().split(/[\s,]+/), alarms_seen: looked,
        program: v.program.trim(), note: v.note.trim(), ...(residual ? { residual_nl: residual } : {}), ...(rate ? { rate_nl_day: rate } : {}), ...(wrong?.steps.length ? { steps: wrong.steps } : {}),
      };
      return wrong ? devices.correct(row.id, wrong.id, { ...r, reason: v.reason.trim() }) : devices.record(row.id, r);
    },
    onSuccess: onDone,
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (!Object.values(problems).some(Boolean) && !run.isPending) run.mutate();
  };
  const error = (p: string | undefined) => (tried ? p : undefined);
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      {wrong && <p>The reading that was wrong stays, struck through, and points to this one.</p>}
      <div className={css.grid2}>
        <Line label={`Read at, ${zone()}`} type="datetime-local" value={v.at} onText={set('at')} error={error(problems.at)} data-autofocus />
        <Line label="Measured by" value={v.by} onText={set('by')} maxLength={100} error={error(problems.by)} />
        <Choice label="How" value={source} onChoose={setSource} data={[{ value: 'programmer', label: 'With a programmer' }, { value: 'refill', label: 'At a refill' }, { value: 'report', label: 'Reported to us' }, { value: 'other', label: 'From elsewhere' }]} />
        <Choice label="Battery" value={battery} onChoose={setBattery} data={[{ value: '', label: 'Not looked at' }, { value: 'ok', label: 'OK' }, { value: 'eri', label: 'ERI: replacement due' }, { value: 'eos', label: 'EOS: end of service' }]} />
        <Line label="Residual volume by programmer, mL" inputMode="decimal" value={v.residual} onText={set('residual')} error={problems.residual} />
        <Line label="Rate, mL/day" inputMode="decimal" value={v.rate} onText={set('rate')} error={problems.rate} />
      </div>
      <Line label="Alarms seen, codes separated by blanks" value={v.alarms} onText={set('alarms')} />
      <Check checked={looked} onChange={(e) => setLooked(e.currentTarget.checked)} label="Somebody looked for alarms: no code means none" />
      <Line label="Program, as read" value={v.program} onText={set('program')} maxLength={300} />
      <Line label="Note" value={v.note} onText={set('note')} maxLength={500} />
      {wrong && <Line label="What was wrong" value={v.reason} onText={set('reason')} maxLength={300} error={error(problems.reason)} />}
      {tried && problems.nothing && <p role="alert" className={alarmCss.problem}>{problems.nothing}</p>}
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>{wrong ? 'Keep the correction' : 'Keep the reading'}</Button></div>
    </form>
  );
}
