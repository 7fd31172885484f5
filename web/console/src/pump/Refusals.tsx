import { useInfiniteQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import { Button } from '../ui/Button';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import css from './Refusals.module.css';

/** Messages of this pump's link that the server refused: what came, why it was not believed. The stream went on. */
export default function Refusals({ pump }: { pump: string }) {
  const list = useInfiniteQuery({
    queryKey: ['refusals', pump],
    queryFn: ({ pageParam }) => api.refusals(pump, { limit: 50, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
    refetchInterval: 15_000,
  });
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  if (list.isPending) return <><Loading what="refusals" /><Ghost width="100%" height={160} /></>;
  if (list.isError && items.length === 0) return <Trouble what="The list of refusals" error={list.error} retry={() => void list.refetch()} />;
  if (items.length === 0) return <Empty title="Nothing was refused">Every message that came over this pump's link was good.</Empty>;
  return (
    <section className={css.wrap} aria-label="Refused messages" tabIndex={0}>
      {list.isError && <NotCurrent of={list} />}
      <table className={css.table}>
        <caption className="sr-only">Refused messages, newest first</caption>
        <thead><tr><th scope="col">Received</th><th scope="col">Message</th><th scope="col">Code</th><th scope="col">Why</th><th scope="col" className={css.num}>Times</th></tr></thead>
        <tbody>
          {items.map((r) => (
            <tr key={r.id}>
              <td><Stamp at={r.at} full /></td>
              <td className="mono">{r.kind}</td>
              <td className="mono">{r.code}</td>
              <td>{r.detail}</td>
              <td className={css.num}>{r.count}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {list.hasNextPage && <Button variant="default" style={{ marginTop: 16 }} loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Load older</Button>}
    </section>
  );
}
