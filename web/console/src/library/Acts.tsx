import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { libraries, type LibraryVersion } from '../api/library';
import { isCancelled } from '../session/cancelled';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { ReasonForm } from '../ui/ReasonForm';
import table from '../ui/Table.module.css';
import { Why } from '../ui/Why';
import css from './library.module.css';
import { SignForm } from './SignForm';
import { mayLibrary } from './words';

/** What this person may do with a version, and why not, in words. */
export function Acts({ of: v }: { of: LibraryVersion }) {
  const me = useMe();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [open, setOpen] = useState<'submit' | 'approve' | 'reject' | 'sign' | null>(null);
  const mine = v.author_id === me.id;
  const judge = mayLibrary.judge(me);
  const done = () => { void queries.invalidateQueries({ queryKey: ['libraries'] }); setOpen(null); };
  const close = () => setOpen(null);
  return (
    <div className={`${table.tools} ${table.end}`} data-screen>
      <Button variant="default" onClick={() => window.print()}>Print</Button>
      {v.state === 'draft' && mine && <Button variant="default" onClick={() => void navigate({ to: '/library/$version/edit', params: { version: v.version } })}>Change the draft</Button>}
      {v.state === 'draft' && mine && <Button onClick={() => setOpen('submit')}>Hand to a second person</Button>}
      {v.state === 'draft' && !mine && <p className={table.after}>{v.author} still works on it.</p>}
      {v.state === 'review' && judge && !mine && <><Button variant="default" onClick={() => setOpen('reject')}>Do not agree</Button><Button onClick={() => setOpen('approve')}>Agree</Button></>}
      {v.state === 'review' && mine && <p className={table.after}>You wrote it. A second person, a pharmacist, verifier or prescriber, agrees or not.</p>}
      {v.state === 'review' && !mine && !judge && <p className={table.after}>It waits for a pharmacist, verifier or prescriber who did not write it.</p>}
      {v.state === 'approved' && judge && <Button onClick={() => setOpen('sign')}>Bring a signature</Button>}
      {v.state === 'approved' && !judge && <p className={table.after}>It waits for the signature of the library’s key.</p>}
      {(v.state === 'active' || v.state === 'rejected' || v.state === 'superseded') && mayLibrary.write(me) && <Button variant="default" onClick={() => void navigate({ to: '/library/new', search: { from: v.version } })}>Draft a new version from this</Button>}
      {open === 'submit' && <Dialog title={`Hand version ${v.version} to a second person`} onClose={close}><Confirm text="Its content never changes again. Whoever reads it sees what differs from the version in force and which running programs it would not allow." button="Hand over" run={() => libraries.submit(v.version)} onDone={done} onClose={close} /></Dialog>}
      {open === 'approve' && <Dialog title={`Agree to version ${v.version}`} onClose={close}><Confirm text={`You say that you have read every entry and every difference. Once it is signed, every pump judges orders by version ${v.version}.`} button="I have read it and agree" run={() => libraries.approve(v.version)} onDone={done} onClose={close} /></Dialog>}
      {open === 'reject' && <Dialog title={`Do not agree to version ${v.version}`} onClose={close}><ReasonForm effect="It is over with this version: its author drafts another. Your reason goes into the record." button="I do not agree" run={(reason) => libraries.reject(v.version, reason)} onDone={done} onClose={close} /></Dialog>}
      {open === 'sign' && <Dialog title={`Bring a signature for version ${v.version}`} onClose={close} size="xl"><SignForm what="library" version={v.version} body={v.body} hash={v.body_hash} run={(s) => libraries.sign(v.version, s)} onDone={done} onClose={close} /></Dialog>}
    </div>
  );
}

/** An act without further questions: what it does, and one button. */
function Confirm({ text, button, run, onDone, onClose }: { text: string; button: string; run: () => Promise<unknown>; onDone: () => void; onClose: () => void }) {
  const act = useMutation({ mutationFn: run, onSuccess: onDone });
  return (
    <div className={css.form}>
      <p>{text}</p>
      {act.isError && !isCancelled(act.error) && <p role="alert" className={css.note}><Why error={act.error} /></p>}
      <div className={css.acts}><Button variant="default" onClick={onClose}>Cancel</Button><Button onClick={() => act.mutate()} loading={act.isPending} data-autofocus>{button}</Button></div>
    </div>
  );
}
