import { Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, Suspense, useRef, useState } from 'react';
import { api } from '../api/client';
import { devices } from '../api/devices';
import { Problem, words } from '../api/problem';
import type { ClaimSlip, PumpRow } from '../api/types';
import alarmCss from '../alarms/alarms.module.css';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Dialog } from '../ui/Dialog';
import { Choice } from '../ui/Field';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { PopGroup, PopItem, PopMenu } from '../ui/PopMenu';
import type { Act } from './acts';
import { ExplantForm } from './ExplantForm';
import { FateForm, ReplaceForm } from './ReplaceForm';

const Slip = part(() => import('./Slip'));

/** The acts that a person may do to this pump, each behind a dialog that says what will happen and asks why. */
export default function Actions({ row, possible }: { row: PumpRow; possible: readonly Act[] }) {
  const [act, setAct] = useState<Act | null>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const close = () => setAct(null);
  return (
    <div>
      <PopMenu name="Actions" width={240} opener={<Button ref={opener} variant="default" rightSection={<Icon name="down" size={12} />}>Actions</Button>}>
        {(shut) => <PopGroup>{possible.map((a) => <PopItem key={a.name} onClick={() => { shut(); setAct(a); }}>{a.title}…</PopItem>)}</PopGroup>}
      </PopMenu>
      {act && (
        <Dialog title={`${act.title}: ${row.serial}`} onClose={close} opener={opener}>
          {act.name === 'explant' ? <ExplantForm row={row} effect={act.effect} onClose={close} /> : act.name === 'replace' ? <ReplaceForm row={row} effect={act.effect} onClose={close} /> : act.name === 'fate' ? <FateForm row={row} effect={act.effect} onClose={close} /> : <ActForm key={act.name} act={act} row={row} onClose={close} />}
        </Dialog>
      )}
    </div>
  );
}

function ActForm({ act, row, onClose }: { act: Act; row: PumpRow; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [serial, setSerial] = useState('');
  const [typed, setTyped] = useState('');
  const [lost, setLost] = useState(false);
  const [tried, setTried] = useState(false);
  const run = useMutation({
    mutationFn: async (): Promise<ClaimSlip | null> => {
      // One line: the record takes no control characters.
      const why = reason.trim().replaceAll(/\s+/g, ' ');
      if (act.name === 'claim') return api.claim(row.id);
      if (act.name === 'swap') return api.swapCommunicator(row.id, serial.trim(), lost, why);
      if (act.name === 'revoke' || act.name === 'reinstate' || act.name === 'retire') await api.act(row.id, act.name, why);
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
      {act.name === 'swap' && <Spares site={row.site} pump={row.id} value={serial} onChoose={setSerial} />}
      {act.name === 'swap' && <TextInput label="Serial of the new communicator" value={serial} onChange={(e) => setSerial(e.currentTarget.value)} spellCheck={false} autoComplete="off" data-autofocus error={tried ? problems.serial : undefined} />}
      {act.name === 'swap' && <Check checked={lost} onChange={(e) => setLost(e.currentTarget.checked)} label="The present one is lost or stolen: cut it off now" />}
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

/** Communicators in the site's stock that this pump may have. One that lies elsewhere is typed. */
function Spares({ site, pump, value, onChoose }: { site: string; pump: string; value: string; onChoose: (serial: string) => void }) {
  const list = useQuery({ queryKey: ['communicators'], queryFn: devices.communicators });
  const free = (list.data ?? []).filter((c) => c.status === 'stock' && c.site === site && (c.reserved_for === null || c.reserved_for === pump));
  if (free.length === 0) return null;
  return <Choice label="From stock" value={free.some((c) => c.serial === value) ? value : ''} onChoose={onChoose} data={[{ value: '', label: 'Not from stock: type its serial' }, ...free.map((c) => ({ value: c.serial, label: `${c.serial}, ${c.model}${c.reserved_for ? ', kept for this pump' : ''}${c.recalled ? ', in a recall' : ''}` }))]} />;
}
