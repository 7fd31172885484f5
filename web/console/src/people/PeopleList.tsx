import { TextInput } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import type { Person, Role } from '../api/types';
import { useChange } from '../app/useChange';
import { useSites } from '../app/useSites';
import { administers, roleWord } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { AddPerson } from './AddPerson';
import css from './people.module.css';
import { PersonPanel } from './PersonPanel';
import { type PeopleSearch, readPeopleSearch } from './search';

const listKeys = ['text', 'site', 'role', 'state'] as const;

/** The people of one's sites, and beside the list the one who is open. */
export function PeopleList({ search }: { search: PeopleSearch }) {
  const me = useMe();
  const sites = useSites();
  const [adding, setAdding] = useState(false);
  const { text, site, role, state } = search;
  const query = { limit: 100, ...(text && { text }), ...(site && { site }), ...(role && { role }), ...(state && { state }) };
  const list = useInfiniteQuery({
    queryKey: ['people', query],
    queryFn: ({ pageParam }) => api.people({ ...query, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: (old) => old,
  });
  const rows = list.data?.pages.flatMap((p) => p.items) ?? [];
  const narrowed = listKeys.some((k) => search[k] !== undefined);
  const set = useChange(readPeopleSearch);
  const showAll = () => set({ text: undefined, site: undefined, role: undefined, state: undefined, person: undefined });
  const oversight = new Set(me.roles.filter((r) => r.role === 'admin' || r.role === 'auditor').map((r) => r.site));
  return (
    <div className={css.split} data-open={search.person ? true : undefined}>
      <section className={css.listing} aria-label="List of people">
        <div className={css.tools}>
          <Find value={text ?? ''} onChange={(v) => set({ text: v === '' ? undefined : v }, 'stream')} />
          <Choice label="Site" value={site ?? ''} onChange={(v) => set({ site: v || undefined })} options={[['', 'All sites'], ...sites.list.filter((s) => oversight.has(s.id)).map((s) => [s.id, s.short] as const)]} />
          <Choice label="Role" value={role ?? ''} onChange={(v) => set({ role: (v || undefined) as Role | undefined })} options={[['', 'All roles'], ...Object.entries(roleWord)]} />
          <Choice label="Account" value={state ?? ''} onChange={(v) => set({ state: (v || undefined) as PeopleSearch['state'] })} options={[['', 'Open and shut'], ['open', 'Open'], ['disabled', 'Shut']]} />
          {narrowed && <Button variant="subtle" size="compact-sm" onClick={showAll}>Show all</Button>}
          {administers(me) && <Button className={css.push} onClick={() => setAdding(true)}>Add a person</Button>}
        </div>
        {administers(me) && <Waiting search={search} />}
        {list.isPending && <><Loading what="people" /><Ghosts /></>}
        {list.isError && <Trouble what="The list of people" error={list.error} retry={() => void list.refetch()} />}
        {list.isSuccess && rows.length === 0 && (narrowed
          ? <Empty title="Nobody matches" action={<Button variant="default" onClick={showAll}>Show all</Button>} />
          : <Empty title="Nobody works here yet">Add the first person with their role.</Empty>)}
        {rows.length > 0 && (
          <ul className={css.people} aria-label="People, by name" data-dim={list.isPlaceholderData || undefined}>
            {rows.map((p) => <Row key={p.id} person={p} search={search} open={p.id === search.person} />)}
          </ul>
        )}
        {list.hasNextPage && <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Load more</Button>}
      </section>
      {search.person && <PersonPanel key={search.person} id={search.person} onClose={() => set({ person: undefined })} />}
      {adding && <AddPerson onClose={() => setAdding(false)} onDone={(p) => { setAdding(false); set({ person: p.id }); }} />}
    </div>
  );
}

/** One-time codes that another administrator issued and that wait for this one. */
function Waiting({ search }: { search: PeopleSearch }) {
  const codes = useQuery({ queryKey: ['codes'], queryFn: api.codes, refetchInterval: 15_000 });
  const waiting = (codes.data ?? []).filter((c) => c.state === 'unconfirmed' && c.may_confirm);
  if (codes.isError && !codes.data) return <Trouble what="The list of one-time codes" error={codes.error} retry={() => void codes.refetch()} />;
  if (waiting.length === 0) return null;
  return (
    <p role="status" className={css.note}>
      Waiting for you to confirm a one-time code: {waiting.map((c, i) => <span key={c.id}>{i > 0 && ', '}<Link className="link" to="/people" search={{ ...search, person: c.person }}>{c.name}</Link></span>)}.
    </p>
  );
}

/** What is typed goes into the address a moment later, so that each letter is not a question to the server. */
function Find({ value, onChange }: { value: string; onChange: (v: string) => void }) {
  const [typed, setTyped] = useState(value);
  const [known, setKnown] = useState(value);
  if (known !== value) {
    setKnown(value);
    setTyped(value);
  }
  const latest = useRef(onChange);
  useEffect(() => {
    latest.current = onChange;
  });
  useEffect(() => {
    if (typed.trim() === value) return;
    const t = setTimeout(() => latest.current(typed.trim()), 250);
    return () => clearTimeout(t);
  }, [typed, value]);
  return <TextInput className={css.find} aria-label="Find by name or login" placeholder="Name or login" leftSection={<Icon name="search" />} value={typed} maxLength={100} onChange={(e) => setTyped(e.currentTarget.value)} spellCheck={false} autoComplete="off" />;
}

function Choice({ label, value, options, onChange }: { label: string; value: string; options: readonly (readonly [string, string])[]; onChange: (v: string) => void }) {
  return (
    <select className={css.select} aria-label={label} value={value} onChange={(e) => onChange(e.currentTarget.value)} data-on={value !== '' || undefined}>
      {options.map(([v, name]) => <option key={v} value={v}>{name}</option>)}
    </select>
  );
}

/** Roles by what they are: "Refill nurse: GEREON, HARBOUR". */
export function rolesInWords(person: Person): { role: string; sites: string }[] {
  const by = new Map<Role, string[]>();
  for (const r of person.roles) by.set(r.role, [...(by.get(r.role) ?? []), r.site_short]);
  return [...by].map(([role, sites]) => ({ role: roleWord[role], sites: sites.join(', ') }));
}

function Row({ person: p, search, open }: { person: Person; search: PeopleSearch; open: boolean }) {
  const roles = rolesInWords(p);
  return (
    <li className={css.person} data-on={open || undefined} data-shut={p.state === 'disabled' || undefined}>
      <div className={css.who}>
        <Link to="/people" search={{ ...search, person: p.id }} className={css.name} aria-current={open ? 'true' : undefined}>{p.name}</Link>
        <span className="label mono">{p.login}</span>
      </div>
      <div className={css.what}>
        {roles.map((r) => <p key={r.role}>{r.role} <span className="label">{r.sites}</span></p>)}
        {roles.length === 0 && <p className="label">No role{p.elsewhere ? ' at your sites' : ''}</p>}
        {p.elsewhere && roles.length > 0 && <p className="label">and roles at other sites</p>}
      </div>
      <div className={css.when}>
        {p.state === 'disabled' ? <p><strong>Account shut</strong> <span className="label"><Age at={p.disabled_at} /></span></p> : <p className="label">{p.seen_at ? <>last here <Age at={p.seen_at} /></> : 'never here'}</p>}
        {p.sessions > 0 && <p className="label">{p.sessions} open {p.sessions === 1 ? 'session' : 'sessions'}</p>}
      </div>
    </li>
  );
}

function Ghosts() {
  return <ul className={css.people} aria-hidden>{[1, 2, 3, 4, 5, 6].map((i) => <li key={i} className={css.person}><Ghost width={160} /><Ghost width={200} /><Ghost width={120} /></li>)}</ul>;
}
