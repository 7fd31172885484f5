import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import { Problem, words } from '../api/problem';
import type { DemoPerson, Me } from '../api/types';
import { useAddress } from '../app/useAddress';
import { useTitle } from '../app/useTitle';
import { sessionQuery } from '../session/session';
import { Wordmark } from '../ui/Logo';
import { Pool } from './Pool';
import { readSignInSearch } from './search';
import css from './SignIn.module.css';

const route = getRouteApi('/sign-in');

/** What went wrong, in the words of someone at the door. */
export function explain(err: unknown): string {
  if (err instanceof Problem) {
    if (err.status === 401) return 'Login or password is wrong.';
    if (err.status === 429) return `Too many attempts. Wait ${err.retryAfter ? `${err.retryAfter} s` : 'a minute'} and try again.`;
    if (err.status === 0) return 'The server cannot be reached. Check the network and try again.';
  }
  return words(err);
}

export default function SignIn() {
  useTitle('Sign in');
  const { to, ended } = useAddress(route.useSearch(), readSignInSearch);
  const router = useRouter();
  const queries = useQueryClient();
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [missing, setMissing] = useState<'login' | 'password' | null>(null);
  const loginBox = useRef<HTMLInputElement>(null);
  const passwordBox = useRef<HTMLInputElement>(null);
  const demo = useQuery({ queryKey: ['demo'], queryFn: api.demoPeople, staleTime: Infinity, retry: false });

  useEffect(() => loginBox.current?.focus(), []);

  const enter = useMutation({
    mutationFn: (who: { login: string; password: string }) => api.signIn(who.login, who.password),
    onSuccess: async (me: Me) => {
      queries.setQueryData(sessionQuery.queryKey, me);
      await router.navigate({ href: to ?? '/fleet', replace: true });
    },
    onError: (_, who) => {
      if (who.login !== login.trim()) return;
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

  const busyAs = enter.isPending ? enter.variables.login : null;
  return (
    <div className={css.page}>
      <div className={css.art} aria-hidden><Pool /></div>
      <main className={css.main}>
        <div className={css.column}>
          <header className={css.head}>
            <h1><Wordmark size={32} /></h1>
            <p className={css.line}>Intrathecal pumps, watched.</p>
          </header>
          {ended !== undefined && !enter.isError && <p className={css.note} role="status">Your session has ended. Sign in to go on where you were.</p>}
          <form onSubmit={submit} noValidate className={css.form} aria-label="Sign in">
            <TextInput ref={loginBox} label="Login" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} value={login} onChange={(e) => setLogin(e.currentTarget.value)} error={missing === 'login' ? 'Enter your login.' : undefined} />
            <PasswordInput
              ref={passwordBox} label="Password" name="password" autoComplete="current-password" value={password} onChange={(e) => setPassword(e.currentTarget.value)}
              error={missing === 'password' ? 'Enter your password.' : undefined} visibilityToggleButtonProps={{ 'aria-label': 'Show the password', tabIndex: 0 }}
            />
            <div role="alert" className={css.alert}>{enter.isError && !enter.isPending && <p className={css.note}>{explain(enter.error)}</p>}</div>
            <Button type="submit" fullWidth size="md" loading={busyAs !== null && busyAs === login.trim()}>Sign in</Button>
          </form>
          {demo.data && demo.data.people.length > 0 && <DemoPeople people={demo.data.people} busy={busyAs} onPick={(p) => enter.mutate(p)} />}
        </div>
      </main>
    </div>
  );
}

/** In the demo nobody needs to know a password: one click is enough. */
function DemoPeople({ people, busy, onPick }: { people: DemoPerson[]; busy: string | null; onPick: (p: DemoPerson) => void }) {
  return (
    <section className={css.demo} aria-labelledby="demo-title">
      <h2 id="demo-title" className="label">This is a demo. Be one of its people:</h2>
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
