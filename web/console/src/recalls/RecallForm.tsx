import { Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { devices, type Recall, type RecallCriteria, type RecallPreview } from '../api/devices';
import { Problem, words } from '../api/problem';
import { Button } from '../ui/Button';
import { Choice, Day, Line, today } from '../ui/Field';
import css from '../ui/Table.module.css';

/** One line each; a range as "FIRST to LAST" or "FIRST - LAST" with blanks around, or one serial by itself. */
export function readCriteria(models: string, ids: string, ranges: string, lots: string): RecallCriteria {
  const lines = (s: string) => s.split('\n').map((l) => l.trim()).filter(Boolean);
  return {
    models: lines(models), device_ids: lines(ids), lots: lines(lots),
    ranges: lines(ranges).map((l) => {
      const [first = '', last = first] = l.split(/\s+(?:to|–|-)\s+/i);
      return { first: first.trim(), last: last.trim() };
    }),
  };
}

/** A notice as it came in, and what it would find before it is kept. */
export function RecallForm({ onDone, onClose }: { onDone: (r: Recall) => void; onClose: () => void }) {
  const [v, setV] = useState({ reference: '', maker: '', title: '', text: '', source: '', issued_on: today(), models: '', ids: '', ranges: '', lots: '' });
  const [device, setDevice] = useState<Recall['device']>('pump');
  const [severity, setSeverity] = useState<Recall['severity']>('II');
  const [tried, setTried] = useState(false);
  const set = (name: keyof typeof v) => (value: string) => setV({ ...v, [name]: value });
  // The device identifiers of communicators are not kept.
  const criteria = () => readCriteria(v.models, device === 'pump' ? v.ids : '', v.ranges, v.lots);
  const thing = `${device}s`;
  const preview = useMutation({ mutationFn: () => devices.previewRecall(device, v.maker.trim(), criteria()) });
  const run = useMutation({
    mutationFn: () => devices.createRecall({ device, reference: v.reference, maker: v.maker, title: v.title, text: v.text, source: v.source, issued_on: v.issued_on, severity, criteria: criteria() }),
    onSuccess: onDone,
  });
  const missing = (name: keyof typeof v, what: string) => (tried && v[name].trim() === '' ? `${what} is missing.` : undefined);
  const failed = run.error ?? preview.error;
  const field = (name: string) => (failed instanceof Problem ? failed.fields.find((f) => f.location.endsWith(name))?.message : undefined);
  const complete = (['reference', 'maker', 'title', 'text', 'source', 'issued_on'] as const).every((k) => v[k].trim() !== '');
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (complete && !run.isPending) run.mutate();
  };
  const area = (name: 'models' | 'ids' | 'ranges' | 'lots', label: string, error?: string) => (
    <Textarea label={label} value={v[name]} onChange={(e) => { set(name)(e.currentTarget.value); preview.reset(); }} rows={3} spellCheck={false} error={error} styles={{ input: { fontFamily: 'var(--mono)' } }} />
  );
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <div className={css.grid2}>
        <Choice label="It concerns" value={device} onChoose={(d) => { setDevice(d); preview.reset(); }} data={[{ value: 'pump', label: 'Pumps' }, { value: 'communicator', label: 'Communicators' }]} />
        <Line label="Maker" value={v.maker} onText={set('maker')} data-autofocus error={missing('maker', 'The maker') ?? field('maker')} />
        <Line label="Reference of the notice" value={v.reference} onText={set('reference')} error={missing('reference', 'The reference') ?? field('reference')} />
        <Choice label="Class" value={severity} onChoose={setSeverity} data={[{ value: 'I', label: 'I: serious harm or death' }, { value: 'II', label: 'II: harm that can be treated' }, { value: 'III', label: 'III: not likely to harm' }]} />
        <Day label="Issued on" value={v.issued_on} onText={set('issued_on')} max={today()} error={missing('issued_on', 'The day')} />
      </div>
      <Line label="Title" value={v.title} onText={set('title')} error={missing('title', 'The title')} />
      <Textarea label="What it says, what to do" value={v.text} onChange={(e) => set('text')(e.currentTarget.value)} rows={4} maxLength={8000} error={missing('text', 'The text')} />
      <Line label="Where it came from: letter, address" value={v.source} onText={set('source')} error={missing('source', 'The source')} />
      <p className="label">Which devices: one entry a line. {device === 'pump' ? 'A pump is of the kind if its model or its device identifier is named' : 'A communicator is of the kind if its model is named'}, and one of the pieces if its serial lies in a range or its lot is named. What is left empty leaves no {device} out.{device === 'communicator' && ' Who made a communicator is not noted: unless its model is named, somebody has to look at each.'}</p>
      <div className={css.grid2}>
        {area('models', 'Models')}
        {device === 'pump' && area('ids', 'Device identifiers of UDIs')}
        {area('ranges', 'Serials: FIRST to LAST, or one', field('ranges'))}
        {area('lots', 'Lots')}
      </div>
      <p className="label">Serials are counted by their last run of digits, among those with the same letters and as many digits.</p>
      {preview.data && <Found of={preview.data} thing={thing} />}
      {failed && <p role="alert" className={alarmCss.problem}>{words(failed)}</p>}
      <div className={alarmCss.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button variant="default" loading={preview.isPending} disabled={v.maker.trim() === ''} onClick={() => { run.reset(); preview.mutate(); }}>Show what it finds</Button>
        <Button type="submit" loading={run.isPending}>Record</Button>
      </div>
    </form>
  );
}

function Found({ of: p, thing }: { of: RecallPreview; thing: string }) {
  return (
    <div role="status">
      <p><strong>{p.matches}</strong> of your {thing} match, <strong>{p.possible}</strong> may match and have to be looked at, {p.excluded} are not concerned.</p>
      {p.devices.length > 0 && <ul className={css.list}>{p.devices.slice(0, 20).map((d) => <li key={d.serial}><span className="mono">{d.serial}</span> {d.verdict === 'possible' && <span className={css.tag}>to check</span>} <span className="label">{d.why}</span></li>)}</ul>}
      {p.devices.length > 20 && <p className="label">and {p.devices.length - 20} more</p>}
      {p.others.length > 0 && (
        <details className={css.details}>
          <summary>Why the others are not concerned</summary>
          <ul className={css.list}>{p.others.slice(0, 50).map((o) => <li key={o.serial}><span className="mono">{o.serial}</span> <span className="label">{o.why}</span></li>)}</ul>
          {p.excluded > 50 && <p className="label">and {p.excluded - 50} more</p>}
        </details>
      )}
    </div>
  );
}
