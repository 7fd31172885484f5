import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { lastServed } from '../api/activity';
import { gates } from '../api/gates';
import { words } from '../api/problem';
import type { Me } from '../api/types';
import { Button } from '../ui/Button';
import { Dialog, prefetchDialogs } from '../ui/Dialog';
import { part } from '../ui/part';
import { useClock } from '../units/clock';
import { sessionQuery } from './session';
import css from './session.module.css';

const again = () => import('./SignInAgain');
const SignInAgain = part(again);

/** How long before its end a session says so. */
export const WARN_MS = 120_000;
/** The server notes what people do at most this often, so that the page must not count on more. */
const SLACK_MS = 15_000;

/** How long after the first page what it may need later is fetched. */
const PREFETCH_MS = 4000;

/** When the session ends, on this page's clock: by idling, or in any case. */
export function endOf(me: Me, read: number, served: number): { at: number; final: boolean } {
  const final = read + me.left_seconds * 1000;
  const idle = Math.max(read + me.idle_left_seconds * 1000, served + me.idle_seconds * 1000 - SLACK_MS);
  return idle < final ? { at: idle, final: false } : { at: final, final: true };
}

/** mm:ss */
export function clock(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

/**
 * Watches over the session of whoever is signed in: says two minutes before that it is about to end, and when it has ended lets
 * the person sign in again over the page, so that what they typed is kept and what they asked for is done.
 */
export function SessionGuard({ me }: { me: Me }) {
  const [over, setOver] = useState(false);
  const waiting = useRef<((same: boolean) => void)[]>([]);
  const ask = useCallback(() => new Promise<boolean>((done) => {
    waiting.current.push(done);
    setOver(true);
  }), []);
  useEffect(() => {
    gates.signedOut = ask;
    const all = waiting;
    return () => {
      if (gates.signedOut === ask) delete gates.signedOut;
      for (const done of all.current.splice(0)) done(false);
    };
  }, [ask]);
  // A session may end while the network is away: what is shown then is here before.
  useEffect(() => {
    const timer = setTimeout(() => {
      prefetchDialogs();
      void again().catch(() => {});
    }, PREFETCH_MS);
    return () => clearTimeout(timer);
  }, []);
  const onOver = useCallback(() => void ask(), [ask]);
  const answer = (same: boolean) => {
    setOver(false);
    for (const done of waiting.current.splice(0)) done(same);
  };
  // In a section the head of a dialog is not taken for that of the page.
  return <section>{over ? <Suspense fallback={<div className={css.cover} />}><SignInAgain me={me} onDone={answer} /></Suspense> : <Warning me={me} onOver={onOver} />}</section>;
}

type Phase = 'far' | 'near' | 'past';

function Warning({ me, onOver }: { me: Me; onOver: () => void }) {
  const queries = useQueryClient();
  const { dataUpdatedAt } = useQuery(sessionQuery);
  const phase = useClock((): Phase => {
    const rest = endOf(me, dataUpdatedAt, lastServed()).at - Date.now();
    return rest <= 0 ? 'past' : rest < WARN_MS ? 'near' : 'far';
  });
  const left = useClock(() => clock(endOf(me, dataUpdatedAt, lastServed()).at - Date.now()));
  const [checked, setChecked] = useState(0);
  // Another tab may have kept the session: the server is asked before anybody is bothered, without counting as an act.
  useEffect(() => {
    if (phase === 'far') return;
    const read = () => queries.fetchQuery({ ...sessionQuery, staleTime: 0 });
    void read().then((now) => (now ? setChecked(Date.now()) : onOver()), () => setChecked(Date.now()));
  }, [phase, queries, onOver]);
  const stay = useMutation({
    mutationFn: () => queries.fetchQuery({ ...sessionQuery, staleTime: 0 }),
    onSuccess: (now) => {
      if (!now) onOver();
    },
  });
  if (phase === 'far' || checked === 0) return null;
  const { final } = endOf(me, dataUpdatedAt, lastServed());
  return (
    <Dialog title="You are about to be signed out" onClose={() => stay.mutate()}>
      <div className={css.form}>
        <p>{final ? 'A session ends after 12 hours.' : 'Nothing was done here for a while.'} It ends in <strong className={css.left}>{left}</strong>. What you have typed stays on the page.</p>
        <div role="alert">{stay.isError && <p className={css.note}>{words(stay.error)}</p>}</div>
        <div className={css.buttons}>
          {final
            ? <Button onClick={onOver} data-autofocus>Sign in again now</Button>
            : <Button loading={stay.isPending} onClick={() => stay.mutate()} data-autofocus>Stay signed in</Button>}
        </div>
      </div>
    </Dialog>
  );
}
