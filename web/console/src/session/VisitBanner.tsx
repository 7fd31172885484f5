import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import type { Visit } from '../api/types';
import { Button } from '../ui/Button';
import { useClock } from '../units/clock';
import { clock } from './SessionGuard';
import { sessionQuery } from './session';
import css from './session.module.css';

/** From here on the seconds are shown. */
const NEAR_MS = 120_000;
/** How often the server is asked whether a visit is over whose time has passed by this page's clock. */
const ASK_MS = 5000;

/** "58 min", and "1:59" in the last two minutes. */
export function timeLeft(ms: number): string {
  return ms > NEAR_MS ? `${Math.ceil(ms / 60_000)} min` : clock(ms);
}

/** Says on every screen that the session is locked to one patient, for how long, and how to end that. */
export function VisitBanner({ visit }: { visit: Visit }) {
  const queries = useQueryClient();
  const router = useRouter();
  const { dataUpdatedAt } = useQuery(sessionQuery);
  const end = dataUpdatedAt + visit.left_seconds * 1000;
  const left = useClock(() => timeLeft(end - Date.now()));
  const over = useClock(() => Date.now() >= end);
  // The server ends it; the page asks until it has, and then reads everything anew.
  useEffect(() => {
    if (!over) return;
    const ask = () => void queries.fetchQuery({ ...sessionQuery, staleTime: 0 }).catch(() => {});
    ask();
    const timer = setInterval(ask, ASK_MS);
    return () => clearInterval(timer);
  }, [over, queries]);
  const stop = useMutation({
    mutationFn: api.endVisit,
    onSuccess: async () => {
      await queries.fetchQuery({ ...sessionQuery, staleTime: 0 });
      await router.invalidate();
    },
  });
  return (
    <section className={css.visit} aria-label="Visit">
      <p role="status">
        <strong>Visit of patient <span className="mono">{visit.token}</span></strong>, pump{' '}
        <Link to="/pumps/$id" params={{ id: visit.pump }} search={{}} className="link mono">{visit.pump_serial}</Link>. Other pumps and their alarms are out of reach and not shown.
      </p>
      {stop.isError && <p role="alert">{words(stop.error)}</p>}
      <p className={css.visitLeft} role="timer" aria-label="Time left">{left} left</p>
      <Button variant="default" size="compact-md" loading={stop.isPending} onClick={() => stop.mutate()}>End visit</Button>
    </section>
  );
}
