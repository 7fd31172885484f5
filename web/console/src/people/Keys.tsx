import { NativeSelect } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import type { IssuedCode, OneTimeCode, Person, SignInKey } from '../api/types';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { Form, oneLine, Reason } from './forms';
import css from './people.module.css';

const purposes: Record<OneTimeCode['purpose'], string> = { enrol: 'enrol a passkey', recover: 'get in again after losing it', link: 'link the account of the hospital’s sign-in' };
const states: Record<OneTimeCode['state'], string> = {
  unconfirmed: 'waits for a second administrator', waiting: 'is on hold', open: 'may be used', expired: 'has expired', used: 'was used', withdrawn: 'was withdrawn',
  objected: 'was objected to', replaced: 'was replaced',
};

/** How a person signs in, and the one-time codes that let them: one administrator issues, another one confirms. */
export function Keys({ person }: { person: Person }) {
  const [issuing, setIssuing] = useState(false);
  const [ending, setEnding] = useState<SignInKey | null>(null);
  const keys = useQuery({ queryKey: ['keys', person.id], queryFn: () => api.keysOf(person.id) });
  const codes = useQuery({ queryKey: ['codes'], queryFn: api.codes, refetchInterval: 15_000 });
  const live = (keys.data ?? []).filter((k) => !k.revoked_at);
  const theirs = (codes.data ?? []).filter((c) => c.person === person.id);
  return (
    <section aria-label="Signing in" className={css.block}>
      <div className={css.blockHead}>
        <h3 className="h2">Signing in</h3>
        {person.state === 'open' && <Button variant="default" size="compact-sm" onClick={() => setIssuing(true)}>Issue a code…</Button>}
      </div>
      {keys.isPending && <><Loading what="passkeys" /><Ghost width="100%" height={32} /></>}
      {keys.isError && <Trouble what="The passkeys" error={keys.error} retry={() => void keys.refetch()} />}
      {keys.isSuccess && live.length === 0 && <p className="label">{keys.data.length === 0 ? 'No passkey yet. A one-time code lets the person enrol one.' : 'No passkey that counts any more. A one-time code lets the person get in again, after a hold.'}</p>}
      {live.length > 0 && (
        <ul aria-label="Passkeys">
          {live.map((k) => (
            <li key={k.id} className={css.role}>
              <span>{k.name} <span className="label">{k.kind === 'software' ? 'software key, ' : ''}{k.synced ? 'synced: signs no dose, ' : ''}last used <Age at={k.last_used_at} /></span></span>
              <Button variant="subtle" size="compact-sm" onClick={() => setEnding(k)}>Revoke…<span className="sr-only"> {k.name}</span></Button>
            </li>
          ))}
        </ul>
      )}
      {codes.isError && <Trouble what="The one-time codes" error={codes.error} retry={() => void codes.refetch()} />}
      {theirs.map((c) => <CodeRow key={c.id} code={c} />)}
      {issuing && <IssueDialog person={person} onClose={() => setIssuing(false)} />}
      {ending && <Dialog title={`Revoke the passkey ${ending.name}`} onClose={() => setEnding(null)}><RevokeKey person={person} held={ending} onClose={() => setEnding(null)} /></Dialog>}
    </section>
  );
}

function CodeRow({ code }: { code: OneTimeCode }) {
  const queries = useQueryClient();
  const done = () => void queries.invalidateQueries({ queryKey: ['codes'] });
  const confirm = useMutation({ mutationFn: () => api.confirmCode(code.id), onSuccess: done });
  const withdraw = useMutation({ mutationFn: () => api.withdrawCode(code.id), onSuccess: done });
  const error = confirm.error ?? withdraw.error;
  return (
    <div className={css.note}>
      <p>A code to {purposes[code.purpose]} <strong>{states[code.state]}</strong>{code.state === 'waiting' && code.opens_at ? <> until <Stamp at={code.opens_at} /></> : null}.</p>
      <p className="label">Issued by {actorName(code.issued_by)} <Age at={code.issued_at} />: “{code.reason}”. Expires <Stamp at={code.expires_at} />.</p>
      {error ? <p role="alert">{words(error)}</p> : null}
      <div className={css.row}>
        {code.state === 'unconfirmed' && code.may_confirm && <Button size="compact-sm" loading={confirm.isPending} onClick={() => confirm.mutate()}>Confirm it</Button>}
        {code.state === 'unconfirmed' && !code.may_confirm && <span className="label">Another administrator has to confirm it.</span>}
        <Button variant="subtle" size="compact-sm" loading={withdraw.isPending} onClick={() => withdraw.mutate()}>Withdraw it</Button>
      </div>
    </div>
  );
}

function IssueDialog({ person, onClose }: { person: Person; onClose: () => void }) {
  const [issued, setIssued] = useState<IssuedCode | null>(null);
  return <Dialog title={issued ? `A code for ${person.name}` : `Issue a code for ${person.name}`} onClose={onClose}>{issued ? <Issued code={issued} onClose={onClose} /> : <IssueForm person={person} onIssued={setIssued} onClose={onClose} />}</Dialog>;
}

function IssueForm({ person, onIssued, onClose }: { person: Person; onIssued: (c: IssuedCode) => void; onClose: () => void }) {
  const queries = useQueryClient();
  const [purpose, setPurpose] = useState<OneTimeCode['purpose']>('enrol');
  const [reason, setReason] = useState('');
  const run = useMutation({
    mutationFn: () => api.issueCode(person.id, purpose, oneLine(reason)),
    onSuccess: (c) => {
      void queries.invalidateQueries({ queryKey: ['codes'] });
      onIssued(c);
    },
  });
  return (
    <Form ready={reason.trim() !== ''} pending={run.isPending} error={run.error} button="Issue the code" onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <p>Make sure that it is really {person.name} who asks. The code counts when a second administrator has confirmed it.</p>
          <NativeSelect label="It lets them" value={purpose} onChange={(e) => setPurpose(e.currentTarget.value as OneTimeCode['purpose'])} data={Object.entries(purposes).map(([value, label]) => ({ value, label }))} />
          <Reason value={reason} onChange={setReason} tried={tried} />
        </>
      )}
    </Form>
  );
}

function Issued({ code, onClose }: { code: IssuedCode; onClose: () => void }) {
  return (
    <div className={css.form}>
      <p><strong>Hand it to the person now: it is not shown again.</strong> It {code.state === 'unconfirmed' ? 'counts once another administrator has confirmed it, and ' : ''}expires <Stamp at={code.expires_at} />.</p>
      <pre className={css.secret} tabIndex={0} aria-label="The code">{code.text}</pre>
      <div className={css.buttons}><Button onClick={onClose} data-autofocus>Done</Button></div>
    </div>
  );
}

function RevokeKey({ person, held, onClose }: { person: Person; held: SignInKey; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const run = useMutation({
    mutationFn: () => api.revokeKeyOf(person.id, held.id, oneLine(reason)),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['keys', person.id] });
      onClose();
    },
  });
  return (
    <Form ready={reason.trim() !== ''} pending={run.isPending} error={run.error} button="Revoke" onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <p>{person.name} can no longer sign in or confirm anything with it. It cannot be undone; a new code lets them enrol another one.</p>
          <Reason value={reason} onChange={setReason} tried={tried} first />
        </>
      )}
    </Form>
  );
}
