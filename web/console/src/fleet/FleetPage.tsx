import { useMediaQuery } from '@mantine/hooks';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Suspense, useCallback, useMemo, useRef, useState } from 'react';
import { useFeed, useLive, useNotLiveSince } from '../app/live';
import { useShortcut } from '../app/shortcuts';
import { useSites } from '../app/useSites';
import { useAddress } from '../app/useAddress';
import { useChange } from '../app/useChange';
import { usePaper } from '../app/paper';
import { useTitle } from '../app/useTitle';
import { tableAddress, type View } from '../api/fleet';
import type { Presence, PumpRow } from '../api/types';
import { hasAnyRole, workers } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { PresenceMark, presenceWord } from '../ui/Mark';
import { part } from '../ui/part';
import { Empty, Loading, Trouble } from '../ui/states';
import { Download } from '../ui/Download';
import { cardExtras, columnsOf, usual } from './columns';
import { FacetBar } from './Facets';
import { FilterBox } from './FilterBox';
import { serverNow } from '../units/clock';
import css from './Fleet.module.css';
import { FleetGhost } from './FleetGhost';
import { FleetPaper } from './FleetPaper';
import { FleetGrid } from './FleetGrid';
import { useFilter } from './useFilter';
import { defaultSort, facetTerms, type FleetSearch, isFiltered, presences, readColumns, readFleetSearch, readSort, type SortKey, writeSort } from './search';
import { useFrozen } from './useFrozen';
import { useOrder } from './useOrder';
import { usePick } from './usePick';

const FilterSheet = part(() => import('./FilterSheet'));
const NarrowTools = part(() => import('./NarrowTools'));
const Selection = part(() => import('./Selection'));
const FleetCards = part(() => import('./FleetCards').then((m) => ({ default: m.FleetCards })));
const ColumnsMenu = part(() => import('./ColumnsMenu').then((m) => ({ default: m.ColumnsMenu })));
const ViewsMenu = part(() => import('./ViewsMenu').then((m) => ({ default: m.ViewsMenu })));
const GroupsMenu = part(() => import('./GroupsMenu'));
const BulkDialog = part(() => import('./BulkDialog'));

const route = getRouteApi('/frame/fleet');

/** Which pumps, where, in what state, what is wrong: the whole fleet, live. */
export default function FleetPage() {
  const search = useAddress(route.useSearch(), readFleetSearch);
  const navigate = route.useNavigate();
  const { sync, link } = useLive();
  const feed = useFeed();
  const sites = useSites();
  const narrow = useMediaQuery('screen and (max-width: 720px)', window.matchMedia('screen and (max-width: 720px)').matches, { getInitialValueInEffect: false });
  const paper = usePaper() !== null;
  const [watchUse, inUse] = useFrozen();
  const sort = useMemo(() => readSort(search.sort) ?? defaultSort, [search.sort]);
  const me = useMe();
  const filter = useFilter(search.q ?? '', sites);
  const { means } = filter;
  const matches = useCallback((row: PumpRow) => means(row, serverNow()), [means]);
  const order = useOrder(sync.pumps, search, sort, sites.name, inUse, matches);
  const keys = useMemo(() => readColumns(search.cols) ?? usual, [search.cols]);
  const columns = useMemo(() => columnsOf(keys), [keys]);
  const extras = useMemo(() => cardExtras(keys), [keys]);
  // The facets and the text as one filter, as the server takes it.
  const { whole: wholeOf } = filter;
  const whole = useMemo(() => wholeOf(facetTerms(search, sites.short)), [wholeOf, search, sites.short]);
  useTitle('Fleet', { title: isFiltered(search) ? `Fleet: the pumps that match ${whole || search.q || 'what was chosen'}` : 'Fleet: all pumps' });
  const wrong = filter.error !== null || filter.fields.length === 0;
  // Not by `whole`, which becomes longer when the language has come: that is the same filter.
  const pick = usePick(filterKey(search), order.ids);
  const [bulk, setBulk] = useState<{ filter: string; pumps: readonly string[] | null } | null>(null);
  const mayWork = hasAnyRole(me, workers);
  const current = useNotLiveSince() === null;
  const loaded = sync.epoch !== null;
  const [sheet, setSheet] = useState(false);
  const [selecting, setSelecting] = useState(false);
  const filterBox = useRef<HTMLInputElement>(null);
  useShortcut('/', () => filterBox.current?.focus());

  const change = useChange(readFleetSearch);

  const onSort = useCallback((key: SortKey) => {
    const next = { key, descending: sort.key === key && !sort.descending };
    change({ sort: next.key === defaultSort.key && !next.descending ? undefined : writeSort(next) });
  }, [change, sort]);

  const clear = () => {
    change({ q: undefined, site: undefined, presence: undefined, alarms: undefined, model: undefined, run: undefined });
    filterBox.current?.focus();
  };

  const look = { filter: whole, sort: writeSort(sort), columns: [...keys], dense: search.rows === 'dense' };
  const file = tableAddress(whole, writeSort(sort), keys);
  const openView = (v: View) => void navigate({ search: dropEmpty(readFleetSearch({ q: v.filter, sort: v.sort, cols: v.columns.join(','), rows: v.dense ? 'dense' : undefined })), resetScroll: false });
  const groupsMenu = <GroupsMenu q={search.q ?? ''} whole={whole} wrong={wrong} sites={sites} side={narrow ? 'start' : 'end'} onChange={(q) => change({ q: q === '' ? undefined : q })} />;
  const facets = { search, counts: order.counts, current, siteName: sites.name, onChange: change };
  const filtered = isFiltered(search);
  const chosen = (search.site ? 1 : 0) + (search.presence ? 1 : 0) + (search.alarms ? 1 : 0) + (search.model ? 1 : 0) + (search.run ? 1 : 0);

  return (
    <div className={css.page} data-fill={!narrow || undefined}>
      <div className={css.title}>
        <h1 className="h1">Fleet</h1>
        {loaded && (
          <p className={css.summary} data-stale={!current || undefined}>
            <span>{filtered ? `${order.ids.length} of ${order.total}` : order.total} {order.total === 1 ? 'pump' : 'pumps'}</span>
            {presences.map((p) => <PresenceCount key={p} presence={p} n={order.counts.presence.get(p) ?? 0} on={search.presence?.length === 1 && search.presence[0] === p} onToggle={(on) => change({ presence: on ? [p] : undefined })} />)}
            {!current && <span className={css.notCurrent}>not current</span>}
          </p>
        )}
        {hasAnyRole(me, ['engineer']) && !me.visit && <Link to="/pumps/new" className={`link ${css.register}`}>Register a pump</Link>}
      </div>

      <div className={css.tools} role="search" aria-label="Filter the fleet">
        <FilterBox value={search.q ?? ''} onChange={(q) => change({ q: q.trim() === '' ? undefined : q }, 'stream')} filter={filter} sites={sites} box={filterBox} />
        {narrow ? (
          <>
            <Button variant="default" leftSection={<Icon name="filter" />} onClick={() => setSheet(true)}>Filter{chosen > 0 ? ` (${chosen})` : ''}</Button>
            {sheet && <Suspense><FilterSheet {...facets} sort={sort} shown={order.ids.length} onClose={() => setSheet(false)} /></Suspense>}
            <Suspense fallback={<div className={css.narrowTools} />}>
              <NarrowTools
                look={look} wrong={wrong} sites={sites} onOpen={openView} chosen={keys === usual ? null : keys} onColumns={(k) => change({ cols: k?.join(',') })}
                file={loaded && !wrong ? file : null} selecting={mayWork ? selecting : null}
                groups={groupsMenu}
                onSelecting={(on) => { if (!on) pick.clear(); setSelecting(on); }}
              />
            </Suspense>
          </>
        ) : (
          <>
            <FacetBar {...facets} />
            {filtered && <Button variant="subtle" onClick={clear}>Clear</Button>}
            <span className={css.spacer} />
            <Suspense fallback={<Waiting names={['Groups', 'Views', 'Columns']} />}>
              {groupsMenu}
              <ViewsMenu look={look} wrong={wrong} sites={sites} onOpen={openView} />
              <ColumnsMenu shown={keys} onChange={(k) => change({ cols: k?.join(',') })} />
            </Suspense>
            {loaded && !wrong
              ? <Download className={css.facet} title="What is shown, as a file" href={file}>CSV</Download>
              : <span className={css.facet} data-waits>CSV</span>}
            <button type="button" className={css.density} aria-label="Dense rows" title="Dense rows" aria-pressed={search.rows === 'dense'} onClick={() => change({ rows: search.rows === 'dense' ? undefined : 'dense' })}>
              <Icon name="dense" />
            </button>
          </>
        )}
      </div>

      {loaded && mayWork && (pick.count > 0 || selecting) && (
        <Suspense>
          <Selection
            pick={pick} whole={whole} wrong={wrong} shown={order.ids.length} onWork={() => setBulk({ filter: whole, pumps: pick.all ? null : pick.ids() })}
            {...(narrow && { onDone: () => { pick.clear(); setSelecting(false); } })}
          />
        </Suspense>
      )}
      {bulk && <Suspense><BulkDialog filter={bulk.filter} pumps={bulk.pumps} onClose={() => setBulk(null)} onBegun={pick.clear} /></Suspense>}

      {!loaded && feed.trouble === null && <><Loading what="the fleet" /><FleetGhost cards={narrow} /></>}
      {!loaded && feed.trouble !== null && <Trouble what="The fleet" error={feed.trouble} retry={() => link.wake()} />}
      {loaded && order.total === 0 && (
        <Empty title="No pumps yet">
          Register a pump, or start the emulator with <code>cisterna demo</code>. A pump appears here the moment it is registered.
        </Empty>
      )}
      {loaded && order.total > 0 && order.ids.length === 0 && (
        <Empty title="No pump matches this filter" action={<Button variant="default" onClick={clear}>Clear the filter</Button>}>
          {order.total} {order.total === 1 ? 'pump is' : 'pumps are'} outside of it.
        </Empty>
      )}
      {loaded && order.ids.length > 0 && (
        <div className={css.table} ref={watchUse} data-stale={!current || undefined}>
          {paper ? <FleetPaper ids={order.ids} sites={sites} columns={columns} /> : narrow ? <Suspense fallback={<FleetGhost cards />}><FleetCards key={extras.length} ids={order.ids} sites={sites} extras={extras} pick={mayWork && selecting ? pick : null} /></Suspense> : <FleetGrid ids={order.ids} sort={sort} dense={search.rows === 'dense'} sites={sites} onSort={onSort} columns={columns} pick={mayWork ? pick : null} />}
          {order.pending > 0 && (
            <div className={css.pending} role="status">
              {order.pending} {order.pending === 1 ? 'row' : 'rows'} would move
              <Button size="compact-sm" onClick={order.update}>Update order</Button>
            </div>
          )}
        </div>
      )}
    </div>
  );
}

/** What filters, without how it is shown. */
const filterKey = ({ q, site, presence, alarms, model, run }: FleetSearch) => JSON.stringify([q, site, presence, alarms, model, run]);

/** The places of tools that have not come yet: the rows below must not move away from under a finger when they do. */
function Waiting({ names }: { names: readonly string[] }) {
  return names.map((name) => <span key={name} className={css.facet} data-waits>{name} <Icon name="down" size={12} /></span>);
}

function dropEmpty(s: FleetSearch): FleetSearch {
  return Object.fromEntries(Object.entries(s).filter(([, v]) => v !== undefined)) as FleetSearch;
}

function PresenceCount({ presence, n, on, onToggle }: { presence: Presence; n: number; on: boolean; onToggle: (on: boolean) => void }) {
  if (n === 0 && !on) return null;
  return (
    <button type="button" className={css.presenceCount} aria-pressed={on} onClick={() => onToggle(!on)}>
      <PresenceMark presence={presence} />
      <span className={css.n}>{n}</span> {presenceWord[presence].toLowerCase()}
    </button>
  );
}
