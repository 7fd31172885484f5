import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Suspense } from 'react';
import { api } from '../api/client';
import type { AuditRow } from '../api/types';
import { usePump } from '../app/live';
import { useAddress } from '../app/useAddress';
import { useArrived } from '../app/useArrived';
import { useChange } from '../app/useChange';
import { useTitle } from '../app/useTitle';
import { Button } from '../ui/Button';
import { part } from '../ui/part';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import { actorKey, actorName } from '../units/plain';
import { stamp } from '../units/time';
import { Filters } from './Filters';
import css from './record.module.css';
import { readRecordSearch, recordQuery, type RecordSearch, writtenFilter } from './search';
import { namesQuery, useTitles } from './titles';
import { checkpointQuery, VerifyPanel } from './VerifyPanel';

const EntryDrawer = part(() => import('./EntryDrawer'));
const route = getRouteApi('/frame/record');

/** What happened, as it stands in the record that cannot be rewritten unnoticed: to be searched, and to be verified here. */
export default function RecordPage() {
  const search = useAddress(route.useSearch(), readRecordSearch);
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const query = recordQuery(search);
  useTitle('Record', { title: `Entries of the record${writtenFilter(search)}` });
  const list = useInfiniteQuery({
    queryKey: ['audit', 'list', query],
    queryFn: ({ pageParam }) => api.audit({ ...query, limit: 50, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
    // New entries are offered, never put in under the reader's eyes.
    staleTime: Infinity, refetchOnWindowFocus: false,
  });
  const title = useTitles();
  const arrived = useArrived(!useQuery(checkpointQuery).isPending, !useQuery(namesQuery).isPending);
  const rows = list.data?.pages.flatMap((p) => p.items) ?? [];
  const change = useChange(readRecordSearch);
  const narrowed = Object.values(query).some((v) => v !== undefined);
  return (
    <div className={css.page}>
      <div className={css.titleRow}>
        <h1 className="h1">Record</h1>
        <p className="label">Every change, in a tree whose root is signed. Nobody rewrites it unnoticed.</p>
      </div>
      {!arrived && <><Loading what="the record" /><Ghost width="100%" height={160} /></>}
      {arrived && <>
      <VerifyPanel onOpen={(entry) => change({ entry })} />
      <Filters search={search} onChange={change} onClear={() => void navigate({ search: {} })} />
      <div className={css.head}>
        <h2 className="h2">Entries</h2>
        {list.isSuccess && <NewEntries query={query} first={rows[0]?.id ?? '0'} onShow={() => void queries.resetQueries({ queryKey: ['audit', 'list'] })} />}
      </div>
      {list.isPending && <><Loading what="the record" /><Ghosts /></>}
      {list.isError && rows.length === 0 && <Trouble what="The record" error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && rows.length === 0 && (
        narrowed
          ? <Empty title="No entry matches" action={<Button variant="default" onClick={() => void navigate({ search: {} })}>Show all</Button>}>Other entries are outside of this filter.</Empty>
          : <Empty title="No entries">The record begins with the first change.</Empty>
      )}
      {rows.length > 0 && <ol className={css.list} aria-label="Entries, newest first">{rows.map((r) => <Entry key={r.id} row={r} title={title(r.kind)} onOpen={() => change({ entry: r.id })} onActor={search.actor ? undefined : () => change({ actor: actorKey(r.actor) })} />)}</ol>}
      </>}
      {rows.length > 0 && <p className="only-paper">{rows.length} {rows.length === 1 ? 'entry' : 'entries'}, as read at {stamp(list.dataUpdatedAt)}. {list.hasNextPage ? 'Older entries are not on this paper: load them before printing.' : 'There are no older ones of what was asked for.'}</p>}
      {arrived && list.hasNextPage && <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Load older</Button>}
      <Suspense>{search.entry && <EntryDrawer key={search.entry} id={search.entry} onClose={() => change({ entry: undefined })} />}</Suspense>
    </div>
  );
}

const MANY = 100;

/** Says how many entries have come since, and shows them when asked. */
function NewEntries({ query, first, onShow }: { query: RecordSearch; first: string; onShow: () => void }) {
  const news = useQuery({ queryKey: ['audit', 'news', query], queryFn: () => api.audit({ ...query, limit: MANY }), refetchInterval: 5000, retry: false });
  const n = news.data?.items.filter((r) => BigInt(r.id) > BigInt(first)).length ?? 0;
  return (
    <>
    {n > 0 && <p className="only-paper">{n >= MANY ? `More than ${MANY}` : n} newer {n === 1 ? 'entry is' : 'entries are'} not on this paper.</p>}
    <div role="status" className={css.news}>
      {n > 0 && <Button size="compact-sm" variant="default" onClick={onShow}>{n >= MANY ? `More than ${MANY} new` : `${n} new`}<span className="sr-only"> entries: show</span></Button>}
    </div>
    </>
  );
}

function Entry({ row, title, onOpen, onActor }: { row: AuditRow; title: string | null; onOpen: () => void; onActor: (() => void) | undefined }) {
  return (
    <li className={css.entry}>
      <span className={css.index}>{row.index ?? 'pending'}</span>
      <div className={css.what}>
        <p><button type="button" className={css.open} onClick={onOpen}>{title ?? row.kind}</button> <span className={css.code}>{title && row.kind}{row.object && ` ${row.object}`}</span></p>
        <p className={css.who}>{onActor ? <button type="button" className={css.actor} title="Only what this one did" onClick={onActor}>{actorName(row.actor)}<span className="sr-only">: only what this one did</span></button> : actorName(row.actor)}{row.on_behalf ? ` on behalf of ${actorName(row.on_behalf)}` : ''}{row.pump ? <> · <PumpName id={row.pump} /></> : null}</p>
        {row.damaged && <p role="alert"><strong>This entry is damaged: {row.damaged}</strong> Verify the record now.</p>}
        {row.reason && <p>“{row.reason}”</p>}
      </div>
      <div className={css.when}><Stamp at={row.at} full /></div>
      <span className={css.hash}>{row.index === null ? 'not yet in the tree' : <code title={row.leaf_hash}>{row.leaf_hash.slice(0, 16)}</code>}</span>
    </li>
  );
}

export function PumpName({ id }: { id: string }) {
  const row = usePump(id);
  return <Link className="link" to="/pumps/$id" params={{ id }} search={{}}>{row ? row.serial : `pump ${id}`}</Link>;
}

function Ghosts() {
  return <ol className={css.list} aria-hidden>{[1, 2, 3, 4, 5].map((i) => <li key={i} className={css.entry}><Ghost width={48} /><Ghost width="50%" /><Ghost width="80%" /><Ghost width="80%" /></li>)}</ol>;
}
