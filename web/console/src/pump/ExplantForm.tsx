import { Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { devices, type Fate } from '../api/devices';
import { words } from '../api/problem';
import type { PumpRow } from '../api/types';
import { Button } from '../ui/Button';
import { Choice, Day, Line, today } from '../ui/Field';
import { entryError, readMillilitres } from '../units/entry';

export const fateWord: Record<Fate, string> = {
  kept: 'Kept here until it is decided', maker: 'Returned to its maker', pathology: 'Sent to pathology', patient: 'Given to the patient or family', destroyed: 'Destroyed',
};

const oneLine = (s: string) => s.trim().replaceAll(/\s+/g, ' ');

/** Records that a pump was taken out: when, why, what became of it and of the drug that was left in it. */
export function ExplantForm({ row, effect, onClose }: { row: PumpRow; effect: string; onClose: () => void }) {
  const queries = useQueryClient();
  const [on, setOn] = useState(today());
  const [reason, setReason] = useState('');
  const [fate, setFate] = useState<Fate | ''>('');
  const [fateNote, setFateNote] = useState('');
  const [left, setLeft] = useState('');
  const [leftNote, setLeftNote] = useState('');
  const [typed, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const problems = {
    on: on === '' ? 'Say on which day.' : undefined,
    reason: reason.trim() === '' ? 'Say why; it goes into the record.' : undefined,
    fate: fate === '' ? 'Say what became of the device.' : undefined,
    left: entryError(left),
    typed: typed.trim() === row.serial ? undefined : `Type ${row.serial} to confirm.`,
  };
  const run = useMutation({
    mutationFn: () => {
      const volume = left.trim() === '' ? null : readMillilitres(left);
      return devices.explant(row.id, {
        on, reason: oneLine(reason), fate: fate as Fate, fate_note: oneLine(fateNote), remainder_note: oneLine(leftNote),
        ...(volume && 'digits' in volume ? { remainder_nl: volume.digits } : {}),
      });
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['pump', row.id] });
      onClose();
    },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (!Object.values(problems).some(Boolean) && !run.isPending) run.mutate();
  };
  const error = (p: string | undefined) => (tried ? p : undefined);
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <p>{effect}</p>
      <Day label="Day of the explant" value={on} onText={setOn} max={today()} error={error(problems.on)} data-autofocus />
      <Textarea label="Reason" value={reason} onChange={(e) => setReason(e.currentTarget.value)} rows={2} maxLength={300} error={error(problems.reason)} />
      <Choice label="What became of the device" value={fate} onChoose={setFate} error={error(problems.fate)} data={[{ value: '', label: 'Choose' }, ...Object.entries(fateWord).map(([value, label]) => ({ value, label }))]} />
      <Line label="To whom, under which number (optional)" value={fateNote} onText={setFateNote} maxLength={300} />
      <Line label="Drug left in the reservoir, mL (empty: not measured)" value={left} onText={setLeft} inputMode="decimal" error={error(problems.left)} />
      <Line label="What was done with it, and who witnessed it (optional)" value={leftNote} onText={setLeftNote} maxLength={300} />
      <Line label={`Type the serial ${row.serial} to confirm`} value={typed} onText={setTyped} error={error(problems.typed)} />
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={run.isPending}>Record explant</Button>
      </div>
    </form>
  );
}
