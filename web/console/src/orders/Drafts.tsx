import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { orders } from '../api/orders';
import { words } from '../api/problem';
import { Button } from '../ui/Button';
import { Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import css from './orders.module.css';
import { draftsQuery } from './queries';
import { actWord } from './words';

/** What one has begun to propose and not proposed: kept on the server, for oneself alone. */
export function Drafts() {
  const queries = useQueryClient();
  const list = useQuery(draftsQuery);
  const drop = useMutation({ mutationFn: orders.dropDraft, onSettled: () => void queries.invalidateQueries({ queryKey: ['orders', 'drafts'] }) });
  const all = list.data?.items ?? [];
  if (list.isError && !list.data) return <Trouble what="The list of your drafts" error={list.error} retry={() => void list.refetch()} />;
  if (all.length === 0) return null;
  return (
    <section aria-labelledby="drafts" className={css.section}>
      <h2 id="drafts">Your drafts</h2>
      <p className={css.quiet}>What you have typed and not proposed. Nobody else sees it; it is kept for 30 days.</p>
      <ul className={css.cards} aria-label="Your drafts">
        {all.map((d) => (
          <li key={d.pump}>
            <div><Link className="link" to="/pumps/$id/propose" params={{ id: d.pump }}>{actWord[d.kind] ?? d.kind}</Link><p><span className="mono">{d.serial}</span></p></div>
            <div />
            <div><p className="label">saved <Age at={d.at} /></p></div>
            <Button variant="subtle" loading={drop.isPending && drop.variables === d.pump} onClick={() => drop.mutate(d.pump)} aria-label={`Discard the draft for pump ${d.serial}`}>Discard</Button>
          </li>
        ))}
      </ul>
      {drop.isError && <p role="alert" className={css.note}>{words(drop.error)}</p>}
    </section>
  );
}
