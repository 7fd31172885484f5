import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { type Contact, devices, type RecallDevice } from '../api/devices';
import { words } from '../api/problem';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';
import css from '../ui/Table.module.css';
import { zone } from '../units/time';

export const wayWord: Record<Contact['way'], string> = { phone: 'by telephone', letter: 'by letter', visit: 'at a visit', message: 'by message', mail: 'by mail' };
export const contactWord: Record<Contact['outcome'], string> = { reached: 'Reached', appointment: 'Appointment made', left_message: 'Left a message', no_answer: 'No answer', refused: 'Refused', wrong_contact: 'Wrong contact' };

const options = <T extends string>(m: Record<T, string>) => (Object.entries(m) as [T, string][]).map(([value, label]) => ({ value, label }));

/** Who called whom, when, and what came of it. What is logged stays. */
export function ContactForm({ recall, device, onDone, onClose }: { recall: string; device: RecallDevice; onDone: () => void; onClose: () => void }) {
  const me = useMe();
  const now = new Date();
  const [at, setAt] = useState(new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16));
  const [caller, setCaller] = useState(me.name);
  const [contacted, setContacted] = useState('');
  const [way, setWay] = useState<Contact['way']>('phone');
  const [outcome, setOutcome] = useState<Contact['outcome']>('reached');
  const [note, setNote] = useState('');
  const [tried, setTried] = useState(false);
  const run = useMutation({ mutationFn: () => devices.recallContact(recall, device, { at: new Date(at).toISOString(), caller: caller.trim(), contacted: contacted.trim(), way, outcome, note: note.trim() }), onSuccess: onDone });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (at !== '' && caller.trim() && contacted.trim() && !run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <Line label="Who was contacted" value={contacted} onText={setContacted} maxLength={100} data-autofocus error={tried && !contacted.trim() ? 'Say whom: the patient, a relative, the family doctor.' : undefined} />
      <div className={css.grid2}>
        <Line label={`When, ${zone()}`} type="datetime-local" value={at} onText={setAt} error={tried && at === '' ? 'Say when.' : undefined} />
        <Line label="By whom" value={caller} onText={setCaller} maxLength={100} error={tried && !caller.trim() ? 'Say who did it.' : undefined} />
        <Choice label="How" value={way} onChoose={setWay} data={options(wayWord)} />
        <Choice label="What came of it" value={outcome} onChoose={setOutcome} data={options(contactWord)} />
      </div>
      <Line label="Note (optional)" value={note} onText={setNote} maxLength={1000} />
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>Log it</Button></div>
    </form>
  );
}
