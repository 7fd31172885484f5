import { Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { api } from '../api/client';
import { orders, type Therapy } from '../api/orders';
import type { PumpRow } from '../api/types';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { drugOf } from './amounts';
import css from './orders.module.css';
import { useLibrary } from './queries';
import { Refused } from './Refused';
import { Sides } from './Sides';
import { type Handed, signed, signerFor } from './sign';
import { STANDS, stopParts } from './stoprows';
import { StopWay, Unreached } from './StopWay';
import { useReach } from './useReach';
import { WhoSigns } from './WhoSigns';
import { busyWord, mayDose, severityWord } from './words';

/** Stopping a pump: one signature, and what stopping does to this patient said first. */
export function StopForm({ row, therapy, onClose }: { row: PumpRow; therapy: Therapy | null; onClose: () => void }) {
  const me = useMe();
  const queries = useQueryClient();
  const { lib } = useLibrary();
  const pump = useQuery({ queryKey: ['pump', row.id], queryFn: () => api.pump(row.id), staleTime: 30_000 });
  const named = pump.data?.keys.find((k) => k.purpose === 'device')?.fingerprint ?? null;
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [overdose, setOverdose] = useState(false);
  const [tried, setTried] = useState(false);
  const handed = useRef<Handed>({});
  const why = reason.trim().replaceAll(/\s+/g, ' ');
  const right = typed.trim().toUpperCase() === row.serial.toUpperCase();
  const run = useMutation({
    mutationFn: async () => signed(await signerFor(me.id, me.login, me.demo), { kind: 'stop', pump: named, reason: why, overdose }, handed.current, (key) => orders.prepareStop(row.id, key, why, overdose), (s) => orders.stop(row.id, s)),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ['orders'] }),
  });
  const reach = useReach(row.id);
  // Silent for longer than its profile allows is away, whatever the connection says.
  const connected = reach.connected && row.presence !== 'online' ? false : reach.connected;
  if (run.data) {
    const letter = reach.letters.find((l) => l.id === run.data.id) ?? run.data;
    return (
      <div className={css.form}>
        <StopWay letter={letter} therapy={therapy} connected={connected} heard={reach.heard} mayPropose={mayDose.propose(me, row.site)} />
        <div className={css.buttons}>
          {(letter.state === 'refused' || letter.state === 'expired') && <Button variant="default" onClick={() => { run.reset(); setTyped(''); setTried(false); }}>Sign another stop</Button>}
          <Button onClick={onClose}>Close</Button>
        </div>
      </div>
    );
  }
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (why !== '' && right && !run.isPending) run.mutate();
  };
  const drugs = (therapy?.report.state.contents.ingredients ?? []).map((i) => drugOf(lib, i.code));
  const stands = therapy?.report.state.run === STANDS;
  const harm = drugs.filter((f) => f.entry && f.entry.withdrawal !== 'none');
  return (
    <form className={css.form} onSubmit={submit} noValidate autoComplete="off">
      {!reach.pending && <Unreached connected={connected} heard={reach.heard} />}
      {stands && <p className={css.note}><strong>This pump stands by an earlier stop.</strong> {busyWord[therapy.report.busy] ?? 'It says that no bolus and no priming runs.'} A stop ends a bolus or a priming at once. Orders that wait for what it runs now become stale.</p>}
      <div className={css.note}>
        <p><strong>Stopping is a harm, not a safe state.</strong> {harm.length > 0 ? <>In this pump: {harm.map((f) => `${f.name} (${severityWord[f.entry!.withdrawal]})`).join(', ')}. Have the oral replacement and somebody who watches the patient ready.</> : therapy && lib ? 'The library says of no drug in this pump that its abrupt end harms; watch the patient all the same.' : 'What the drugs in this pump do when they end abruptly is not known here.'}</p>
      </div>
      <Check checked={overdose} onChange={(e) => setOverdose(e.currentTarget.checked)} label="Overdose: stand still whatever the drug. Otherwise the pump stops or falls back as its drug needs." />
      {therapy && lib && <Sides parts={stopParts(therapy, lib, overdose)} compared caption="What stopping changes" now="Stopped" />}
      <Textarea label="Reason" value={reason} onChange={(e) => setReason(e.currentTarget.value)} rows={2} maxLength={200} data-autofocus error={tried && why === '' ? 'Say why; it is signed and goes to the pump.' : undefined} />
      <TextInput label={`Type the serial ${row.serial} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} spellCheck={false} autoComplete="off" error={tried && !right ? `Type ${row.serial}.` : undefined} />
      <WhoSigns />
      {run.isError && <Refused what="Not stopped." error={run.error} />}
      <div className={css.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>Sign and stop the pump</Button></div>
    </form>
  );
}
