import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import { useTitle } from '../app/useTitle';
import { sessionQuery } from '../session/session';
import { DoorPage } from './Page';
import css from './SignIn.module.css';

const route = getRouteApi('/sign-in/back');

const text = (v: unknown) => (v === undefined || v === null ? '' : String(v as string | number));

/** Where the organisation's sign-in sends people back to. What it sent goes to the server once. */
export default function Back() {
  useTitle('Sign in');
  const raw = route.useSearch() as Record<string, unknown>;
  const router = useRouter();
  const queries = useQueryClient();
  const [failed, setFailed] = useState<unknown>(null);
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return; // a page that mounts twice comes back once
    begun.current = true;
    const back = { state: text(raw.state), code: text(raw.code), iss: text(raw.iss), error: text(raw.error) };
    api.finishOidc(back).then(async (me) => {
      queries.setQueryData(sessionQuery.queryKey, me);
      await router.navigate({ to: '/', replace: true });
    }, setFailed);
  }, [raw, queries, router]);
  return (
    <DoorPage title="Sign in">
      {failed === null ? <p role="status">Signing you in…</p> : <p role="alert" className={css.note}>{words(failed)}</p>}
      {failed !== null && <p className="label"><Link to="/sign-in" search={{}} className="link">Back to signing in</Link></p>}
    </DoorPage>
  );
}
