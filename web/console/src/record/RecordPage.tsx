import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { api } from '../api/client';
import type { AuditRow } from '../api/types';
import { usePump } from '../app/live';
import { useAddress } from '../app/useAddress';
import { useTitle } from '../app/useTitle';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import css from './record.module.css';
import { readRecordSearch } from './search';

const route = getRouteApi('/frame/record');

/** What happened, as it stands in the record that cannot be rewritten unnoticed, and the newest signed checkpoint over it. */
export default function RecordPage() {
  useTitle('Record');
  const search = useAddress(route.useSearch(), readRecordSearch);
  const navigate = route.useNavigate();
  const list = useInfiniteQuery({
    queryKey: ['audit', search],
    queryFn: ({ pageParam }) => api.audit({ ...search, limit: 50, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
  });
  const rows = list.data?.pages.flatMap((p) => p.items) ?? [];
  const narrowed = Object.entries(search).filter(([, v]) => v !== undefined);
  return (
    <div className={css.page}>
      <h1 className="h1">Record</h1>
      <Checkpoint />
      <div className={css.head}>
        <h2 className="h2">Entries</h2>
        {narrowed.length > 0 && <p>{narrowed.map(([k, v]) => `${k} ${v}`).join(', ')} <Button variant="subtle" size="compact-sm" onClick={() => void navigate({ search: {} })}>Show all</Button></p>}
      </div>
      {list.isPending && <><Loading what="the record" /><Ghosts /></>}
      {list.isError && rows.length === 0 && <Trouble what="The record" error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && rows.length === 0 && <Empty title="No entries" />}
      {rows.length > 0 && <ol className={css.list} aria-label="Entries, newest first">{rows.map((r) => <Entry key={r.leaf_id} row={r} />)}</ol>}
      {list.hasNextPage && <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Load older</Button>}
    </div>
  );
}

function Checkpoint() {
  const query = useQuery({ queryKey: ['checkpoint'], queryFn: api.checkpoint, refetchInterval: 10_000, retry: false });
  return (
    <section className={css.checkpoint} aria-label="Newest checkpoint">
      <div>
        <h2 className="h2">Newest checkpoint</h2>
        <p className="label">Signed by this server over every entry so far. Keep a copy elsewhere and compare it with <code>cisterna audit verify --seen</code>.</p>
      </div>
      {query.isPending && <Ghost width="100%" height={72} />}
      {query.isError && <Trouble what="The checkpoint" error={query.error} retry={() => void query.refetch()} />}
      {query.data && (
        <>
          <p><span className={css.size}>{query.data.size}</span><span className="unit">entries</span></p>
          <pre className={css.note} tabIndex={0} aria-label="The checkpoint as signed">{query.data.text}</pre>
        </>
      )}
    </section>
  );
}

function Entry({ row }: { row: AuditRow }) {
  return (
    <li className={css.entry}>
      <span className={css.index}>{row.index ?? 'pending'}</span>
      <div className={css.what}>
        <p><strong>{row.kind}</strong>{row.object ? <span className="label"> {row.object}</span> : null}</p>
        <p className={css.who}>{actorName(row.actor)}{row.on_behalf ? ` on behalf of ${actorName(row.on_behalf)}` : ''}{row.pump ? <> · <PumpName id={row.pump} /></> : null}</p>
        {row.damaged && <p role="alert"><strong>This entry is damaged: {row.damaged}</strong> Run <code>cisterna audit verify</code> now.</p>}
        {row.reason && <p>“{row.reason}”</p>}
      </div>
      <div className={css.when}><Stamp at={row.at} full /></div>
      <span className={css.hash}>{row.index === null ? 'not yet in the tree' : <code title={row.leaf_hash}>{row.leaf_hash.slice(0, 16)}</code>}</span>
    </li>
  );
}

function PumpName({ id }: { id: string }) {
  const row = usePump(id);
  return <Link className="link" to="/pumps/$id" params={{ id }} search={{}}>{row ? row.serial : `pump ${id}`}</Link>;
}

function Ghosts() {
  return <ol className={css.list} aria-hidden>{[1, 2, 3, 4, 5].map((i) => <li key={i} className={css.entry}><Ghost width={48} /><Ghost width="50%" /><Ghost width="80%" /><Ghost width="80%" /></li>)}</ol>;
}
