import { TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import type { Enrolment, SignInKey } from '../api/types';
import { useTitle } from '../app/useTitle';
import { askPasskey, makePasskey, sentence, unusable } from '../session/passkey';
import { sessionQuery } from '../session/session';
import { browserName } from '../session/stepup';
import { Button } from '../ui/Button';
import { waysQuery } from './Door';
import { DoorPage } from './Page';
import css from './SignIn.module.css';

/** What a passkey can and cannot do, said before one is made. */
export function PasskeyKinds() {
  return (
    <>
      <p>Your device will ask for your fingerprint, face or PIN.</p>
      <p>A passkey that <strong>stays on one device</strong>, such as a security key, signs you in and can sign doses once it is in the keyset. One that a password manager <strong>copies to other devices</strong> signs you in, but can sign no dose.</p>
    </>
  );
}

/** What became of it, said plainly. */
export function PasskeyMade({ made }: { made: SignInKey }) {
  return made.synced
    ? <p className={css.note} role="status">“{made.name}” is enrolled. It can be copied to other devices: <strong>it signs you in, but it cannot sign doses.</strong> If you prescribe, verify or release, add a passkey that stays on one device.</p>
    : <p className={css.note} role="status">“{made.name}” is enrolled. It stays on its device.</p>;
}

/** For people without a passkey: a one-time code, then a passkey, then in with it. */
export default function Enrol() {
  useTitle('Enrol a passkey');
  const [step, setStep] = useState<{ login: string; code: string; ask: Enrolment } | null>(null);
  const [made, setMade] = useState<SignInKey | null>(null);
  return (
    <DoorPage title="Enrol a passkey">
      {made ? <EnterWith made={made} /> : step ? <Make {...step} onMade={setMade} onBack={() => setStep(null)} /> : <ShowCode onShown={setStep} />}
      <p className="label"><Link to="/sign-in" search={{}} className="link">Back to signing in</Link></p>
    </DoorPage>
  );
}

function ShowCode({ onShown }: { onShown: (s: { login: string; code: string; ask: Enrolment }) => void }) {
  const queries = useQueryClient();
  const [login, setLogin] = useState(queries.getQueryData(sessionQuery.queryKey)?.login ?? '');
  const [code, setCode] = useState('');
  const [tried, setTried] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const show = useMutation({
    mutationFn: () => api.beginEnrol(login.trim(), code),
    onSuccess: (ask) => onShown({ login: login.trim(), code, ask }),
  });
  const ways = useQuery(waysQuery);
  const link = useMutation({ mutationFn: () => api.beginOidc({ login: login.trim(), code }), onSuccess: ({ url }) => location.assign(url) });
  const complete = () => {
    setTried(true);
    return login.trim() !== '' && code.trim() !== '';
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (complete() && !show.isPending) show.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={css.form} aria-label="Enter a code">
      <p>An administrator gives you a one-time code, and a second one confirms it.</p>
      <TextInput ref={first} label="Login" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} value={login} onChange={(e) => setLogin(e.currentTarget.value)} error={tried && login.trim() === '' ? 'Enter your login.' : undefined} />
      <TextInput label="One-time code" name="code" autoComplete="one-time-code" autoCapitalize="characters" spellCheck={false} classNames={{ input: 'mono' }} value={code} onChange={(e) => setCode(e.currentTarget.value)} placeholder="XXXXX-XXXXX-XXXXX-XXXXX" error={tried && code.trim() === '' ? 'Enter the code.' : undefined} />
      <div role="alert" className={css.alert}>{(show.isError || link.isError) && <p className={css.note}>{words(show.error ?? link.error)}</p>}</div>
      <Button type="submit" fullWidth size="md" loading={show.isPending}>Continue</Button>
      {ways.data?.oidc && <Button variant="default" fullWidth size="md" loading={link.isPending} onClick={() => { if (complete()) link.mutate(); }}>The code is to link {ways.data.oidc}</Button>}
    </form>
  );
}

function Make({ login, code, ask, onMade, onBack }: { login: string; code: string; ask: Enrolment; onMade: (k: SignInKey) => void; onBack: () => void }) {
  const [name, setName] = useState(`Passkey made in ${browserName()}`);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  const blocked = unusable(ask.rp_id);
  const spent = useRef(false);
  const make = useMutation({
    mutationFn: async () => {
      // A challenge is answered once: another try needs another one.
      const fresh = spent.current ? await api.beginEnrol(login, code) : ask;
      spent.current = true;
      return api.finishEnrol({ login, code, nonce: fresh.nonce, name: name.trim(), ...(await makePasskey(fresh)) });
    },
    onSuccess: onMade,
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (name.trim() !== '' && !make.isPending) make.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={css.form} aria-label="New passkey">
      <p>For <strong>{ask.name}</strong>, login <span className="mono">{ask.login}</span>.</p>
      <PasskeyKinds />
      <TextInput label="Name, to know it by" value={name} maxLength={100} onChange={(e) => setName(e.currentTarget.value)} error={name.trim() === '' ? 'Give it a name.' : undefined} />
      {blocked && <p className={css.note}>{blocked}</p>}
      <div role="alert" className={css.alert}>{make.isError && <p className={css.note}>{sentence(make.error, words, true)}</p>}</div>
      <Button ref={button} type="submit" fullWidth size="md" loading={make.isPending} disabled={blocked !== null}>Make the passkey</Button>
      <Button variant="default" fullWidth onClick={onBack} disabled={make.isPending}>Another code</Button>
    </form>
  );
}

function EnterWith({ made }: { made: SignInKey }) {
  const router = useRouter();
  const queries = useQueryClient();
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  const enter = useMutation({
    mutationFn: async () => {
      const ask = await api.askPasskey();
      return api.signInPasskey({ nonce: ask.nonce, ...(await askPasskey(ask, [made.credential])) });
    },
    onSuccess: async (me) => {
      queries.setQueryData(sessionQuery.queryKey, me);
      await router.navigate({ to: '/', replace: true });
    },
  });
  return (
    <div className={css.form}>
      <PasskeyMade made={made} />
      <p>Sign in with it now: that shows that it works.</p>
      <div role="alert" className={css.alert}>{enter.isError && <p className={css.note}>{sentence(enter.error, words)}</p>}</div>
      <Button ref={button} fullWidth size="md" loading={enter.isPending} onClick={() => enter.mutate()}>Sign in with it</Button>
    </div>
  );
}
