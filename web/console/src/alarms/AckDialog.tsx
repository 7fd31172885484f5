import { Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import type { AlarmRow } from '../api/types';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { AlarmMark } from '../ui/Mark';
import { Age } from '../ui/Time';
import css from './alarms.module.css';

/** Says "I know of this" for an alarm. It silences nothing: the condition stays until the pump clears it. */
export default function AckDialog({ alarm, onClose }: { alarm: AlarmRow; onClose: () => void }) {
  return <Dialog title="Acknowledge alarm" onClose={onClose}><AckForm alarm={alarm} onClose={onClose} /></Dialog>;
}

function AckForm({ alarm, onClose }: { alarm: AlarmRow; onClose: () => void }) {
  const queries = useQueryClient();
  const [note, setNote] = useState('');
  const [missing, setMissing] = useState(false);
  const ack = useMutation({
    mutationFn: () => api.acknowledge(alarm.id, note.trim().replaceAll(/\s+/g, ' ')),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['alarms'] });
      onClose();
    },
  });
  // Somebody who takes on a high alarm says what they do about it.
  const required = alarm.priority === 'high';
  const submit = (e: FormEvent) => {
    e.preventDefault();
    const empty = required && note.trim() === '';
    setMissing(empty);
    if (!empty && !ack.isPending) ack.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={css.form}>
      <p><AlarmMark priority={alarm.priority} /> <strong>{alarm.title}</strong></p>
      <p className="label">Pump <span className="mono">{alarm.pump_serial}</span>{alarm.pump_label ? ` ${alarm.pump_label}` : ''}, raised <Age at={alarm.raised_at} /></p>
      {alarm.advice && <p>{alarm.advice}</p>}
      <Textarea label={required ? 'What is being done' : 'Note (optional)'} value={note} onChange={(e) => setNote(e.currentTarget.value)} rows={3} maxLength={300} data-autofocus error={missing ? 'A high alarm needs a note.' : undefined} />
      <p className="label">Everyone sees that you acknowledged it, and when. The alarm stays until the condition ends; the pump is not silenced.</p>
      {alarm.state !== 'active' && <p role="status">{alarm.state === 'cleared' ? 'The condition has ended meanwhile.' : `${alarm.ack_by ?? 'Someone'} has acknowledged it meanwhile.`}</p>}
      {ack.isError && <p role="alert" className={css.problem}>{words(ack.error)}</p>}
      <div className={css.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={ack.isPending}>Acknowledge</Button>
      </div>
    </form>
  );
}
