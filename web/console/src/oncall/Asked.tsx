import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { orders } from '../api/orders';
import { useMe } from '../session/useMe';
import css from './oncall.module.css';

/** At the head of every page, for whoever is on call: the orders that they are asked to verify. A reader hears of a new one. */
export default function Asked() {
  const me = useMe();
  const q = useQuery({ queryKey: ['orders', 'asked'], queryFn: () => orders.allOpen({ state: ['proposed'] }), refetchInterval: 15_000 });
  const mine = (q.data ?? []).filter((o) => o.asked === me.id);
  return (
    <div role="status" data-screen>
      {q.isError && <p className={css.asked}><strong>Whether you are asked to verify an order could not be read.</strong> <button type="button" className="link" onClick={() => void q.refetch()}>Try again</button></p>}
      {mine.length > 0 && (
        <p className={css.asked}>
          <strong>You are on call and are asked to verify:</strong>{' '}
          {mine.map((o) => <Link key={o.id} className="link" to="/orders/$id" params={{ id: o.id }} search={{}}>order {o.id} by {o.proposer.name}</Link>)}
        </p>
      )}
    </div>
  );
}
