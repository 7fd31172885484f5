import { Button, Menu, Modal, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, lazy, Suspense, useState } from 'react';
import { api } from '../api/client';
import { Problem, words } from '../api/problem';
import type { ClaimSlip, PumpRow } from '../api/types';
import alarmCss from '../alarms/alarms.module.css';
import { Icon } from '../ui/Icon';
import { type Act, acts } from './acts';

const Slip = lazy(() => import('./Slip'));

/** The acts that a person may do to this pump, each behind a dialog that says what will happen and asks why. */
export function Actions({ row }: { row: PumpRow }) {
  const [act, setAct] = useState<Act | null>(null);
  const possible = acts.filter((a) => a.from.includes(row.status));
  if (possible.length === 0) return null;
  return (
    <>
      <Menu position="bottom-end" width={232} offset={4}>
        <Menu.Target><Button variant="default" rightSection={<Icon name="down" size={12} />}>Actions</Button></Menu.Target>
        <Menu.Dropdown>
          {possible.map((a) => <Menu.Item key={a.name} onClick={() => setAct(a)}>{a.title}…</Menu.Item>)}
        </Menu.Dropdown>
      </Menu>
      <Modal opened={act !== null} onClose={() => setAct(null)} title={act ? `${act.title}: ${row.serial}` : ''}>
        {act && <ActForm key={act.name} act={act} row={row} onClose={() => setAct(null)} />}
      </Modal>
    </>
  );
}

function ActForm({ act, row, onClose }: { act: Act; row: PumpRow; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [serial, setSerial] = useState('');
  const [typed, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const run = useMutation({
    mutationFn: async (): Promise<ClaimSlip | null> => {
      if (act.name === 'claim') return api.claim(row.id);
      if (act.name === 'swap') await api.swapCommunicator(row.id, serial.trim(), reason.trim());
      else await api.act(row.id, act.name, reason.trim());
      return null;
    },
    onSuccess: (slip) => {
      void queries.invalidateQueries({ queryKey: ['pump', row.id] });
      if (!slip) onClose();
    },
  });
  if (run.data) return <Suspense fallback={<p role="status">Drawing the slip…</p>}><Slip slip={run.data} serial={row.serial} onClose={onClose} /></Suspense>;

  const needsReason = act.name !== 'claim';
  const problems = {
    reason: needsReason && reason.trim() === '' ? 'Say why; it goes into the record.' : fieldError(run.error, 'reason'),
    serial: act.name === 'swap' && !/^[A-Za-z0-9_-]{1,64}$/.test(serial.trim()) ? 'Letters, digits, "-" and "_", as printed on the communicator.' : fieldError(run.error, 'serial'),
    typed: act.final && typed.trim() !== row.serial ? `Type ${row.serial} to confirm.` : undefined,
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    const ok = !(needsReason && reason.trim() === '') && !problems.typed && !(act.name === 'swap' && !/^[A-Za-z0-9_-]{1,64}$/.test(serial.trim()));
    if (ok && !run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <p>{act.effect}</p>
      {act.name === 'swap' && <TextInput label="Serial of the new communicator" value={serial} onChange={(e) => setSerial(e.currentTarget.value)} spellCheck={false} autoComplete="off" data-autofocus error={tried ? problems.serial : undefined} />}
      {needsReason && <Textarea label="Reason" value={reason} onChange={(e) => setReason(e.currentTarget.value)} rows={2} maxLength={300} error={tried ? problems.reason : undefined} {...(act.name === 'swap' ? {} : { 'data-autofocus': true })} />}
      {act.final && <TextInput label={`Type the serial ${row.serial} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} spellCheck={false} autoComplete="off" error={tried ? problems.typed : undefined} />}
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={run.isPending}>{act.button}</Button>
      </div>
    </form>
  );
}

function fieldError(err: unknown, field: string): string | undefined {
  return err instanceof Problem ? err.fields.find((f) => f.location.endsWith(field))?.message : undefined;
}
