import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { api } from '../api/client';
import { words } from '../api/problem';
import type { Visit } from '../api/types';
import { sessionQuery } from './session';
import css from './session.module.css';

/** Says on every screen that the session is locked to one patient, and how to end that. */
export function VisitBanner({ visit }: { visit: Visit }) {
  const queries = useQueryClient();
  const router = useRouter();
  const end = useMutation({
    mutationFn: api.endVisit,
    onSuccess: async () => {
      await queries.fetchQuery({ ...sessionQuery, staleTime: 0 });
      queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionQuery.queryKey[0] });
      await router.invalidate();
    },
  });
  return (
    <div className={css.visit} role="status">
      <p>
        <strong>Visit of patient <span className="mono">{visit.token}</span>.</strong> No other patient’s pump is in reach.{' '}
        <Link to="/pumps/$id" params={{ id: visit.pump }} search={{}} className="link">To the pump</Link>
      </p>
      {end.isError && <p role="alert">{words(end.error)}</p>}
      <Button variant="default" size="compact-sm" loading={end.isPending} onClick={() => end.mutate()}>End the visit</Button>
    </div>
  );
}
