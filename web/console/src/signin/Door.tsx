import { PasswordInput, TextInput } from '@mantine/core';
import { queryOptions, useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import { Problem, words } from '../api/problem';
import type { DemoPerson, Me } from '../api/types';
import { becomeKey } from '../session/leave';
import { askPasskey, sentence, unusable } from '../session/passkey';
import { Button } from '../ui/Button';
import css from './SignIn.module.css';

/** How people sign in here. It does not change while the server runs. */
export const waysQuery = queryOptions({ queryKey: ['ways'], queryFn: api.waysIn, staleTime: Infinity, retry: false });
export const demoQuery = queryOptions({ queryKey: ['demo'], queryFn: api.demoPeople, staleTime: Infinity, retry: false });

/** What went wrong, in the words of someone at the door. */
export function explain(err: unknown): string {
  if (err instanceof Problem) {
    if (err.status === 401) return 'Login or password is wrong.';
    if (err.status === 429) return `Too many attempts. Wait ${err.retryAfter ? `${err.retryAfter} s` : 'a minute'} and try again.`;
    if (err.status === 0) return 'The server cannot be reached. Check the network and try again.';
  }
  return words(err);
}

function explainKey(err: unknown): string {
  if (err instanceof Problem && err.status !== 401) return explain(err);
  return sentence(err, words);
}

async function enterWithPasskey(): Promise<Me> {
  const ask = await api.askPasskey();
  return api.signInPasskey({ nonce: ask.nonce, ...(await askPasskey(ask)) });
}

type How = { login: string; password: string } | 'passkey';

interface Props {
  /** Called when somebody is signed in. */
  onEntered: (me: Me) => void | Promise<void>;
  /** Only this person goes on here: others are not offered, and the login stands. */
  only?: string;
  /** Shown until something goes wrong here. */
  note?: ReactNode;
  /** Another way, below these. */
  children?: ReactNode;
}

/** The ways in: a passkey first; login and password; in the demo its people, one click each. */
export function Door({ onEntered, only, note, children }: Props) {
  const ways = useQuery(waysQuery);
  const demo = useQuery(demoQuery);
  const [login, setLogin] = useState(only ?? '');
  const [password, setPassword] = useState('');
  const [typing, setTyping] = useState(false);
  const [missing, setMissing] = useState<'login' | 'password' | null>(null);
  const loginBox = useRef<HTMLInputElement>(null);
  const passwordBox = useRef<HTMLInputElement>(null);
  const keyButton = useRef<HTMLButtonElement>(null);
  // Until the server has said how one signs in, the form that every server understands stands there.
  const passwords = ways.data?.password !== 'enrols';
  const form = passwords || typing;
  const blocked = ways.data ? unusable(ways.data.rp_id) : null;

  useEffect(() => {
    if (form) (only === undefined ? loginBox : passwordBox).current?.focus();
    else keyButton.current?.focus();
  }, [form, only]);

  const enter = useMutation({
    mutationKey: becomeKey,
    mutationFn: (how: How) => (how === 'passkey' ? enterWithPasskey() : api.signIn(how.login, how.password)),
    onSuccess: onEntered,
    onError: (_, how) => {
      if (how === 'passkey' || how.login !== login.trim()) return;
      setPassword('');
      passwordBox.current?.focus();
    },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (enter.isPending) return;
    const who = { login: login.trim(), password };
    const empty = who.login === '' ? 'login' : password === '' ? 'password' : null;
    setMissing(empty);
    if (empty) (empty === 'login' ? loginBox : passwordBox).current?.focus();
    else enter.mutate(who);
  };
  const leave = useMutation({ mutationFn: () => api.beginOidc({}), onSuccess: ({ url }) => location.assign(url) });
  const how = enter.isPending ? enter.variables : null;
  const busyAs = how !== null && how !== 'passkey' ? how.login : null;
  const failed = enter.isError && !enter.isPending;
  const byKey = failed && enter.variables === 'passkey';
  const people = (demo.data?.people ?? []).filter((p) => only === undefined || p.login === only);
  return (
    <>
      {note && !enter.isError && <p className={css.note} role="status">{note}</p>}
      <div className={css.form}>
        {blocked === null
          ? <Button ref={keyButton} fullWidth size="md" variant={passwords ? 'default' : 'filled'} loading={how === 'passkey'} disabled={enter.isPending && how !== 'passkey'} onClick={() => enter.mutate('passkey')}>Use a passkey</Button>
          : <p className={css.note}>{blocked}</p>}
        {ways.data?.oidc && only === undefined && <Button fullWidth size="md" variant="default" loading={leave.isPending} onClick={() => leave.mutate()}>Sign in with {ways.data.oidc}</Button>}
        {leave.isError && <p role="alert" className={css.note}>{words(leave.error)}</p>}
        <div role="alert" className={css.alert}>{byKey && <p className={css.note}>{explainKey(enter.error)}</p>}</div>
      </div>
      {form
        ? (
          <form onSubmit={submit} noValidate className={css.form} aria-label="Sign in">
            {!passwords && <p className="label">Here a password only lets you enrol a passkey.</p>}
            <TextInput ref={loginBox} label="Login" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} value={login} readOnly={only !== undefined} onChange={(e) => setLogin(e.currentTarget.value)} error={missing === 'login' ? 'Enter your login.' : undefined} />
            <PasswordInput
              ref={passwordBox} label="Password" name="password" autoComplete="current-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)}
              error={missing === 'password' ? 'Enter your password.' : undefined} visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
            />
            <div role="alert" className={css.alert}>{failed && !byKey && <p className={css.note}>{explain(enter.error)}</p>}</div>
            <Button type="submit" fullWidth size="md" loading={busyAs !== null && busyAs === login.trim()} disabled={how === 'passkey'}>Sign in</Button>
          </form>
        )
        : only === undefined && <p className="label"><button type="button" className={css.plain} onClick={() => setTyping(true)}>Use a password instead</button></p>}
      {children}
      {people.length > 0 && <DemoPeople people={people} busy={busyAs} onPick={(p) => enter.mutate(p)} />}
    </>
  );
}

/** In the demo nobody needs to know a password: one click is enough. */
function DemoPeople({ people, busy, onPick }: { people: DemoPerson[]; busy: string | null; onPick: (p: DemoPerson) => void }) {
  return (
    <section className={css.demo} aria-labelledby="demo-title">
      <h2 id="demo-title" className="label">{people.length > 1 ? 'This is a demo. Be one of its people:' : 'This is a demo. Go on as'}</h2>
      <ul>
        {people.map((p) => (
          <li key={p.login}>
            <button type="button" className={css.person} disabled={busy !== null} onClick={() => onPick(p)} data-login={p.login} data-busy={busy === p.login || undefined}>
              <span className={css.name}>{p.name}</span>
              <span className="label">{[p.role, p.site].filter(Boolean).join(' · ')}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
