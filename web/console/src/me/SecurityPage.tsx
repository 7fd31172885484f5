import { Textarea, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import type { Security, SignInKey } from '../api/types';
import { useArrived } from '../app/useArrived';
import { useTitle } from '../app/useTitle';
import { makePasskey, sentence, unusable } from '../session/passkey';
import { securityQuery } from '../session/notices';
import { browserName, isCancelled } from '../session/stepup';
import { useMe } from '../session/useMe';
import { PasskeyKinds, PasskeyMade } from '../signin/Enrol';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import css from './me.module.css';
import { SigningKeys, useSigningKeys } from './SigningKeys';

type Open = { kind: 'add' } | { kind: 'rename' | 'revoke'; key: SignInKey } | null;

/** One's own keys, sessions and what one must hear about them. */
export default function SecurityPage() {
  useTitle('Your security');
  const me = useMe();
  const query = useQuery(securityQuery);
  const arrived = useArrived(!query.isPending, useSigningKeys().settled);
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const d = arrived ? query.data : undefined;
  return (
    <div className={css.page}>
      <h1 className="h1">Your security</h1>
      <p className="label">{me.name}, login <span className="mono">{me.login}</span>. Signed in with {meansWord[me.means]}.</p>
      {!arrived && <><Loading what="your security" /><Ghost width="100%" height={320} /></>}
      {arrived && query.isError && !d && <Trouble what="Your security" error={query.error} retry={() => void query.refetch()} />}
      {d && <Notices all={d.notices} />}
      {d && <Keys all={d.keys} demo={me.demo} onOpen={setOpen} />}
      {d && <SigningKeys passkeys={d.keys} />}
      {d && d.links.length > 0 && <Links all={d.links} />}
      {d && <Sessions all={d.sessions} />}
      {arrived && <section className={css.part} aria-labelledby="tokens">
        <h2 id="tokens" className="h2">API tokens</h2>
        <p><Link className="link" to="/people" search={{ tab: 'tokens' }}>Your API tokens</Link> <span className="label">let programs ask in your name; make and revoke them there.</span></p>
      </section>}
      {open?.kind === 'add' && <Dialog title="Add a passkey" onClose={close}><AddForm onClose={close} /></Dialog>}
      {open?.kind === 'rename' && <Dialog title="Rename the key" onClose={close}><RenameForm of={open.key} onClose={close} /></Dialog>}
      {open?.kind === 'revoke' && <Dialog title={`Revoke “${open.key.name}”`} onClose={close}><RevokeForm of={open.key} onClose={close} /></Dialog>}
    </div>
  );
}

const meansWord: Record<Security['sessions'][number]['means'], string> = {
  password: 'a password', passkey: 'a passkey', software: 'a software key', oidc: 'your organisation’s sign-in',
};

function useDone(then?: () => void) {
  const queries = useQueryClient();
  return () => {
    void queries.invalidateQueries({ queryKey: securityQuery.queryKey });
    then?.();
  };
}

function Notices({ all }: { all: Security['notices'] }) {
  const done = useDone();
  const seen = useMutation({ mutationFn: () => api.seeNotices(all[0]!.id), onSuccess: done });
  const object = useMutation({ mutationFn: api.objectToCode, onSuccess: done });
  const [older, setOlder] = useState(false);
  const open = all.filter((n) => !n.seen || n.code !== null);
  const shown = older ? all : open;
  if (all.length === 0) return null;
  return (
    <section className={css.part} aria-labelledby="notices">
      <div className={css.head}>
        <h2 id="notices" className="h2">Notices</h2>
        {open.some((n) => !n.seen) && <Button variant="default" size="compact-sm" loading={seen.isPending} onClick={() => seen.mutate()}>I have read them</Button>}
      </div>
      {shown.length === 0 && <p className="label">Nothing new.</p>}
      <ul className={css.list}>
        {shown.map((n) => (
          <li key={n.id} className={css.item} data-new={!n.seen || undefined}>
            <div>
              <p>{!n.seen && <strong>New. </strong>}{n.words}</p>
              <p className="label"><Stamp at={n.at} full /></p>
            </div>
            {n.code !== null && <Button variant="default" loading={object.isPending && object.variables === n.code} onClick={() => object.mutate(n.code!)}>I did not ask for this</Button>}
          </li>
        ))}
      </ul>
      {(object.isError || seen.isError) && <p role="alert" className={css.note}>{words(object.error ?? seen.error)}</p>}
      {all.length > open.length && !older && <Button variant="subtle" size="compact-sm" onClick={() => setOlder(true)}>Older notices ({all.length - open.length})</Button>}
    </section>
  );
}

function Keys({ all, demo, onOpen }: { all: readonly SignInKey[]; demo: boolean; onOpen: (o: Open) => void }) {
  const counting = all.filter((k) => k.revoked_at === null);
  const passkeys = counting.filter((k) => k.kind === 'passkey');
  const software = counting.filter((k) => k.kind === 'software');
  const revoked = all.filter((k) => k.revoked_at !== null);
  return (
    <>
      <section className={css.part} aria-labelledby="passkeys">
        <div className={css.head}>
          <h2 id="passkeys" className="h2">Passkeys</h2>
          <Button variant="default" size="compact-sm" onClick={() => onOpen({ kind: 'add' })}>Add a passkey</Button>
        </div>
        {passkeys.length === 0 ? <p><strong>No passkey yet.</strong> {demo ? 'In this demo you confirm with a software key instead.' : 'You need one to sign in and to confirm what matters.'}</p> : <KeyList keys={passkeys} onOpen={onOpen} />}
        {passkeys.length === 1 && !demo && <p className="label">Add a second one on another device: if this one is lost, only two administrators can help, and it takes a day.</p>}
      </section>
      {software.length > 0 && (
        <section className={css.part} aria-labelledby="software">
          <h2 id="software" className="h2">Software keys</h2>
          <p className="label">Each is kept by one browser, stands in for a passkey in this demo only, and protects nothing.</p>
          <KeyList keys={software} onOpen={onOpen} />
        </section>
      )}
      {revoked.length > 0 && (
        <section className={css.part} aria-labelledby="revoked">
          <h2 id="revoked" className="h2">Revoked</h2>
          <ul className={css.list}>
            {revoked.map((k) => (
              <li key={k.id} className={css.item}>
                <div>
                  <p>{k.name}</p>
                  <p className="label">Revoked <Age at={k.revoked_at} />{k.revoke_reason && <>: {k.revoke_reason}</>}</p>
                </div>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function KeyList({ keys, onOpen }: { keys: readonly SignInKey[]; onOpen: (o: Open) => void }) {
  return (
    <ul className={css.list}>
      {keys.map((k) => (
        <li key={k.id} className={css.item}>
          <div>
            <p className={css.name}>{k.name}</p>
            {k.kind === 'passkey' && <p>{k.synced ? <><strong>Cannot sign doses:</strong> it can be copied to other devices.</> : 'Stays on its device.'}</p>}
            {k.created_by.includes('not confirmed') && <p><strong>Enrolled with a code that no second administrator confirmed.</strong></p>}
            <p className="label">Enrolled <Stamp at={k.created_at} />, last used <Age at={k.last_used_at} /></p>
          </div>
          <div className={css.acts}>
            <Button variant="subtle" size="compact-sm" onClick={() => onOpen({ kind: 'rename', key: k })} aria-label={`Rename ${k.name}`}>Rename</Button>
            <Button variant="subtle" size="compact-sm" onClick={() => onOpen({ kind: 'revoke', key: k })} aria-label={`Revoke ${k.name}`}>Revoke</Button>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Links({ all }: { all: Security['links'] }) {
  const done = useDone();
  const end = useMutation({ mutationFn: api.unlink, onSuccess: done });
  return (
    <section className={css.part} aria-labelledby="links">
      <h2 id="links" className="h2">Your organisation’s sign-in</h2>
      <ul className={css.list}>
        {all.map((l) => (
          <li key={l.id} className={css.item}>
            <div>
              <p className={css.name}>{l.issuer}</p>
              <p className="label">Linked <Stamp at={l.linked_at} />, last used <Age at={l.last_used_at} /></p>
            </div>
            <Button variant="subtle" size="compact-sm" loading={end.isPending && end.variables === l.id} onClick={() => end.mutate(l.id)} aria-label={`End the link to ${l.issuer}`}>End the link</Button>
          </li>
        ))}
      </ul>
      {end.isError && !isCancelled(end.error) && <p role="alert" className={css.note}>{words(end.error)}</p>}
    </section>
  );
}

function Sessions({ all }: { all: Security['sessions'] }) {
  const done = useDone();
  const end = useMutation({ mutationFn: api.endSession, onSuccess: done });
  const others = useMutation({ mutationFn: api.endOtherSessions, onSuccess: done });
  const [older, setOlder] = useState(false);
  const lasting = all.filter((s) => s.ended_at === null);
  const ended = all.filter((s) => s.ended_at !== null);
  return (
    <section className={css.part} aria-labelledby="sessions">
      <div className={css.head}>
        <h2 id="sessions" className="h2">Where you are signed in</h2>
        {lasting.length > 1 && <Button variant="default" size="compact-sm" loading={others.isPending} onClick={() => others.mutate()}>End all others</Button>}
      </div>
      <ul className={css.list}>
        {[...lasting, ...(older ? ended : [])].map((s) => (
          <li key={s.id} className={css.item}>
            <div>
              <p className={css.name}>{browserName(s.agent)} at <span className="mono">{s.address}</span>{s.present && <span className="label"> this one</span>}</p>
              <p className="label">
                With {meansWord[s.means]}, since <Stamp at={s.created_at} />, {s.ended_at === null ? <>last used <Age at={s.seen_at} /></> : <>ended <Stamp at={s.ended_at} /></>}
              </p>
            </div>
            {!s.present && s.ended_at === null && <Button variant="subtle" size="compact-sm" loading={end.isPending && end.variables === s.id} onClick={() => end.mutate(s.id)} aria-label={`End the session in ${browserName(s.agent)} at ${s.address}`}>End</Button>}
          </li>
        ))}
      </ul>
      {(end.isError || others.isError) && <p role="alert" className={css.note}>{words(end.error ?? others.error)}</p>}
      {ended.length > 0 && !older && <Button variant="subtle" size="compact-sm" onClick={() => setOlder(true)}>Ended ones ({ended.length})</Button>}
    </section>
  );
}

function AddForm({ onClose }: { onClose: () => void }) {
  const done = useDone();
  const [name, setName] = useState(`Passkey made in ${browserName()}`);
  const blocked = unusable(location.hostname);
  const add = useMutation({
    mutationFn: async () => {
      const ask = await api.beginKey();
      return api.addKey({ nonce: ask.nonce, name: name.trim(), ...(await makePasskey(ask)) });
    },
    onSuccess: () => done(),
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (name.trim() !== '' && !add.isPending) add.mutate();
  };
  if (add.data) {
    return (
      <div className={css.form}>
        <PasskeyMade made={add.data} />
        <div className={css.buttons}><Button onClick={onClose} data-autofocus>Close</Button></div>
      </div>
    );
  }
  return (
    <form onSubmit={submit} noValidate className={css.form}>
      <PasskeyKinds />
      <TextInput label="Name, to know it by" value={name} maxLength={100} onChange={(e) => setName(e.currentTarget.value)} error={name.trim() === '' ? 'Give it a name.' : undefined} data-autofocus />
      {blocked && <p className={css.note}>{blocked}</p>}
      <div role="alert">{add.isError && !isCancelled(add.error) && <p className={css.note}>{sentence(add.error, words, true)}</p>}</div>
      <div className={css.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={add.isPending} disabled={blocked !== null}>Make the passkey</Button>
      </div>
    </form>
  );
}

function RenameForm({ of, onClose }: { of: SignInKey; onClose: () => void }) {
  const done = useDone(onClose);
  const [name, setName] = useState(of.name);
  const rename = useMutation({ mutationFn: () => api.renameKey(of.id, name.trim()), onSuccess: done });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (name.trim() !== '' && !rename.isPending) rename.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={css.form}>
      <TextInput label="Name" value={name} maxLength={100} onChange={(e) => setName(e.currentTarget.value)} error={name.trim() === '' ? 'Give it a name.' : undefined} data-autofocus />
      <div role="alert">{rename.isError && <p className={css.note}>{words(rename.error)}</p>}</div>
      <div className={css.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={rename.isPending}>Rename</Button>
      </div>
    </form>
  );
}

function RevokeForm({ of, onClose }: { of: SignInKey; onClose: () => void }) {
  const done = useDone(onClose);
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const revoke = useMutation({ mutationFn: () => api.revokeKey(of.id, reason.trim().replaceAll(/\s+/g, ' ')), onSuccess: done });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (reason.trim() !== '' && !revoke.isPending) revoke.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={css.form}>
      <p>The key counts no more, and sessions that began with it end at once. This cannot be undone.</p>
      <Textarea label="Reason" value={reason} onChange={(e) => setReason(e.currentTarget.value)} rows={2} maxLength={300} error={tried && reason.trim() === '' ? 'Say why; it goes into the record.' : undefined} data-autofocus />
      <div role="alert">{revoke.isError && !isCancelled(revoke.error) && <p className={css.note}>{words(revoke.error)}</p>}</div>
      <div className={css.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={revoke.isPending}>Revoke</Button>
      </div>
    </form>
  );
}
