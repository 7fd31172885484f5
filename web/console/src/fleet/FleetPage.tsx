import { Button, CloseButton, TextInput } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { getRouteApi } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useFeed, useLive, useNotLiveSince } from '../app/live';
import { useShortcut } from '../app/shortcuts';
import { useSites } from '../app/useSites';
import { useAddress } from '../app/useAddress';
import { useTitle } from '../app/useTitle';
import type { Presence } from '../api/types';
import { Icon } from '../ui/Icon';
import { PresenceMark, presenceWord } from '../ui/Mark';
import { Empty, Loading, Trouble } from '../ui/states';
import { FacetBar } from './Facets';
import css from './Fleet.module.css';
import { FleetCards } from './FleetCards';
import { FleetGhost } from './FleetGhost';
import { FleetGrid } from './FleetGrid';
import { defaultSort, type FleetSearch, isFiltered, presences, readFleetSearch, readSort, type SortKey, writeSort } from './search';
import { useFrozen } from './useFrozen';
import { useOrder } from './useOrder';

const FilterSheet = lazy(() => import('./FilterSheet'));
const route = getRouteApi('/frame/fleet');

/** Which pumps, where, in what state, what is wrong: the whole fleet, live. */
export default function FleetPage() {
  useTitle('Fleet');
  const search = useAddress(route.useSearch(), readFleetSearch);
  const navigate = route.useNavigate();
  const { sync, link } = useLive();
  const feed = useFeed();
  const sites = useSites();
  const narrow = useMediaQuery('(max-width: 720px)', window.matchMedia('(max-width: 720px)').matches, { getInitialValueInEffect: false });
  const [watchUse, inUse] = useFrozen();
  const sort = useMemo(() => readSort(search.sort) ?? defaultSort, [search.sort]);
  const order = useOrder(sync.pumps, search, sort, sites.name, inUse);
  const current = useNotLiveSince() === null;
  const loaded = sync.epoch !== null;
  const [sheet, setSheet] = useState(false);
  const filterBox = useRef<HTMLInputElement>(null);
  useShortcut('/', () => filterBox.current?.focus());

  const change = useCallback((part: Partial<FleetSearch>) => {
    void navigate({ search: (old) => dropEmpty({ ...readFleetSearch({ ...old }), ...part }), replace: true, resetScroll: false });
  }, [navigate]);

  const onSort = useCallback((key: SortKey) => {
    const next = { key, descending: sort.key === key && !sort.descending };
    change({ sort: next.key === defaultSort.key && !next.descending ? undefined : writeSort(next) });
  }, [change, sort]);

  const clear = () => {
    change({ q: undefined, site: undefined, presence: undefined, alarms: undefined, model: undefined, run: undefined });
    filterBox.current?.focus();
  };

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
      </div>

      <div className={css.tools} role="search" aria-label="Filter the fleet">
        <FilterText value={search.q ?? ''} onChange={(q) => change({ q: q.trim() === '' ? undefined : q })} box={filterBox} />
        {narrow ? (
          <>
            <Button variant="default" leftSection={<Icon name="filter" />} onClick={() => setSheet(true)}>Filter{chosen > 0 ? ` (${chosen})` : ''}</Button>
            {sheet && <Suspense><FilterSheet {...facets} sort={sort} shown={order.ids.length} onClose={() => setSheet(false)} /></Suspense>}
          </>
        ) : (
          <>
            <FacetBar {...facets} />
            {filtered && <Button variant="subtle" onClick={clear}>Clear</Button>}
            <button type="button" className={css.density} aria-pressed={search.rows === 'dense'} onClick={() => change({ rows: search.rows === 'dense' ? undefined : 'dense' })}>
              <Icon name="dense" /> Dense rows
            </button>
          </>
        )}
      </div>

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
          {narrow ? <FleetCards ids={order.ids} sites={sites} /> : <FleetGrid ids={order.ids} sort={sort} dense={search.rows === 'dense'} sites={sites} onSort={onSort} />}
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

/** Ten thousand pumps are looked through after a pause in the typing, not at every key. */
const PAUSE_MS = 120;

/** Typing must never wait for the address to change, so the text is its own and follows the address only when that moves by itself. */
function FilterText({ value, onChange, box }: { value: string; onChange: (q: string) => void; box: React.RefObject<HTMLInputElement | null> }) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    if (value !== sent.current.trim() && value !== sent.current) {
      clearTimeout(pause.current);
      setText(value);
    }
    sent.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(pause.current), []);
  const type = (q: string, wait = PAUSE_MS) => {
    setText(q);
    clearTimeout(pause.current);
    pause.current = setTimeout(() => {
      sent.current = q;
      onChange(q);
    }, wait);
  };
  return (
    <TextInput
      ref={box} className={css.filter} value={text} onChange={(e) => type(e.currentTarget.value)} placeholder="Serial, name, drug, alarm" aria-label="Filter by text"
      leftSection={<Icon name="search" />} spellCheck={false} autoComplete="off"
      rightSection={text ? <CloseButton size="sm" aria-label="Clear the text" onClick={() => type('', 0)} /> : <kbd className={css.kbd}>/</kbd>}
      onKeyDown={(e) => {
        if (e.key === 'Escape' && text) {
          e.preventDefault();
          type('', 0);
        }
      }}
    />
  );
}
