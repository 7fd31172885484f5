import { Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { devices, type Work, type WorkKind } from '../api/devices';
import { words } from '../api/problem';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Choice, Day, today } from '../ui/Field';
import { ReasonForm } from '../ui/ReasonForm';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';

export const workWord: Record<WorkKind, string> = {
  note: 'Note', inspection: 'Inspection', repair: 'Repair', battery: 'Battery', alarm_test: 'Alarm test', cleaning: 'Cleaning', software: 'Software', safety_check: 'Safety check',
};

type Device = { pump: string } | { serial: string };

interface Props {
  of: Device;
  site: string;
  work: readonly Work[];
  queryKey: readonly unknown[];
}

/** What was done to a device and what has to be done: planned work first, then the past, newest first. */
export function WorkList({ of, site, work, queryKey }: Props) {
  const me = useMe();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState<Ending | null>(null);
  const may = hasRole(me, site, ['engineer', 'nurse']);
  const done = () => {
    void queries.invalidateQueries({ queryKey });
    setAdding(false);
    setEnding(null);
  };
  return (
    <>
      {work.length === 0 && <p className="label">Nothing is noted.</p>}
      {work.length > 0 && (
        <ul className={css.list}>
          {work.map((w) => (
            <li key={w.id}>
              <p className={css.row}>
                <strong>{workWord[w.kind]}</strong>
                {w.state === 'planned' && <span className={css.tag} data-strong={w.due_on < today() || undefined}>{w.due_on < today() ? 'overdue since' : 'due'} {w.due_on}</span>}
                {w.state === 'done' && <span className="label">{w.done_on}</span>}
                {w.state === 'dropped' && <span className={css.tag} data-quiet>dropped</span>}
              </p>
              <p className={css.pre}>{w.text}</p>
              {w.result && <p className={css.pre}>{w.state === 'dropped' ? 'Dropped: ' : 'Result: '}{w.result}</p>}
              <p className="label">{w.created_by} <Stamp at={w.created_at} />{w.ended_by && w.ended_at !== w.created_at ? <>, ended by {w.ended_by} <Stamp at={w.ended_at} /></> : null}</p>
              {may && w.state === 'planned' && <p className={css.row}><Button variant="default" size="compact-sm" onClick={() => setEnding({ work: w, state: 'done' })}>Done…</Button><Button variant="subtle" size="compact-sm" onClick={() => setEnding({ work: w, state: 'dropped' })}>Drop…</Button></p>}
            </li>
          ))}
        </ul>
      )}
      {may && <p><Button variant="default" size="compact-md" style={{ marginTop: 8 }} onClick={() => setAdding(true)}>Add an entry</Button></p>}
      {adding && <Dialog title="Maintenance entry" onClose={() => setAdding(false)}><WorkForm of={of} onDone={done} onClose={() => setAdding(false)} /></Dialog>}
      {ending && <EndWork {...ending} onDone={done} onClose={() => setEnding(null)} />}
    </>
  );
}

export interface Ending {
  readonly work: Work;
  readonly state: 'done' | 'dropped';
}

/** Planned work that was done, or that will not be. */
export function EndWork({ work, state, onDone, onClose }: Ending & { onDone: () => void; onClose: () => void }) {
  return (
    <Dialog title={state === 'done' ? 'Work done' : 'Drop the work'} onClose={onClose}>
      <ReasonForm effect={`${workWord[work.kind]}: ${work.text}`} label={state === 'done' ? 'What was found or done' : 'Why it will not be done'} button={state === 'done' ? 'Done' : 'Drop'} onDone={onDone} onClose={onClose} run={(why) => devices.endWork(work.id, state, why)} />
    </Dialog>
  );
}

function WorkForm({ of, onDone, onClose }: { of: Device; onDone: () => void; onClose: () => void }) {
  const [kind, setKind] = useState<WorkKind>('note');
  const [text, setText] = useState('');
  const [when, setWhen] = useState<'done' | 'due'>('done');
  const [on, setOn] = useState('');
  const [tried, setTried] = useState(false);
  const due = kind !== 'note' && when === 'due';
  const problems = { text: text.trim() === '' ? 'Write what it is about.' : undefined, on: due && on === '' ? 'Say by which day.' : undefined };
  const run = useMutation({
    mutationFn: () => {
      const w = { kind, text: text.trim(), ...(due ? { due_on: on } : on && kind !== 'note' ? { done_on: on } : {}) };
      return 'pump' in of ? devices.addWork(of.pump, w) : devices.addCommWork(of.serial, w);
    },
    onSuccess: onDone,
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (!problems.text && !problems.on && !run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <Choice label="Kind" value={kind} onChoose={setKind} data-autofocus data={Object.entries(workWord).map(([value, label]) => ({ value, label }))} />
      <Textarea label="What" value={text} onChange={(e) => setText(e.currentTarget.value)} rows={3} maxLength={2000} error={tried ? problems.text : undefined} />
      {kind !== 'note' && (
        <div className={css.grid2}>
          <Choice label="It" value={when} onChoose={setWhen} data={[{ value: 'done', label: 'was done' }, { value: 'due', label: 'has to be done' }]} />
          <Day label={due ? 'By' : 'On (empty: today)'} value={on} onText={setOn} error={tried ? problems.on : undefined} />
        </div>
      )}
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>Keep</Button></div>
    </form>
  );
}
