import type { Order } from '../api/orders';
import { glance } from '../orders/glance';
import { useBefore, useLibrary } from '../orders/queries';
import css from './home.module.css';

/** The doses of a day that an order changes, from what ran when it was proposed to what it asks for. Its page has all of it. */
export default function OldNew({ order: o }: { order: Order & { document: NonNullable<Order['document']> } }) {
  const { lib, pending } = useLibrary();
  const before = useBefore(o.id, o.hash, true);
  // Doses without the library have no names, units or decimals: better none here.
  if (!lib || pending || before.isPending) return null;
  const ran = before.data?.state_hash === o.document.state ? before.data : null;
  const rows = glance(o.document, ran, lib);
  if (rows.length === 0) return null;
  return (
    <ul className={css.change} aria-label={`What order ${o.id} changes`}>
      {rows.map((r) => (
        <li key={r.name}>
          {r.name}: {r.old !== null && <><span>{r.old}</span><span aria-hidden> → </span><span className="sr-only"> to </span></>}<strong>{r.now}</strong>{r.change && <span className="label"> {r.change}</span>}
        </li>
      ))}
    </ul>
  );
}
