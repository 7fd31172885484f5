import { useQuery } from '@tanstack/react-query';
import { type LibraryContent, type Order, orders } from '../api/orders';
import { Ghost, Trouble } from '../ui/states';
import { Rehearsed } from './Rehearsed';
import { plannedTitle, sameTitle } from './words';

/** Seven days of the exact bytes, for whoever is about to sign them (DESIGN.md 5); of a refill visit both branches, for either may be released. The server gives none to whoever has to enter the numbers first. */
export function OrderRehearsed({ order: o, lib }: { order: Order; lib: LibraryContent | null }) {
  return o.document?.visit ? <><Branch order={o} branch="planned" lib={lib} title={plannedTitle} /><Branch order={o} branch="same" lib={lib} title={sameTitle} /></> : <Branch order={o} lib={lib} title="Seven days, rehearsed" />;
}

function Branch({ order: o, branch, lib, title }: { order: Order; branch?: 'planned' | 'same'; lib: LibraryContent | null; title: string }) {
  const q = useQuery({ queryKey: ['orders', 'rehearsal', o.id, o.hash, branch ?? ''], queryFn: () => orders.rehearsal(o.id, branch), staleTime: Infinity, retry: false });
  if (q.isPending) return <Ghost width="100%" height={400} />;
  if (q.isError) return <Trouble what={title} error={q.error} retry={() => void q.refetch()} />;
  return <Rehearsed of={q.data} lib={lib} title={title} />;
}
