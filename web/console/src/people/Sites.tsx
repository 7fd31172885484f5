import { TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../api/client';
import { Problem } from '../api/problem';
import type { Role, RolesInfo, Site } from '../api/types';
import { useArrived } from '../app/useArrived';
import { sitesQuery } from '../app/useSites';
import { administers, hasRole, oversees, roleWord } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Ghost, Loading, Trouble } from '../ui/states';
import { fieldError, Form, oneLine, Reason, useRoles } from './forms';
import { grouped } from './grouped';
import table from '../ui/Table.module.css';
import css from './people.module.css';

const ownZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const allRoles = Object.keys(roleWord) as Role[];

/** The sites with how many people hold which role there, and which roles one person cannot hold together. */
export function Sites() {
  const me = useMe();
  const [open, setOpen] = useState<Site | 'new' | null>(null);
  const sites = useQuery(sitesQuery);
  const roles = useRoles();
  const close = () => setOpen(null);
  const arrived = useArrived(!sites.isPending, !roles.isPending);
  if (!arrived) return <><Loading what="roles and sites" /><Ghost width="100%" height={240} /></>;
  return (
    <div className={css.stack}>
      <section aria-label="Sites" className={css.block}>
        <div className={css.blockHead}>
          <h2 className="h2">Sites</h2>
          {administers(me) && <Button variant="default" onClick={() => setOpen('new')}>Add a site…</Button>}
        </div>
        {sites.isPending && <><Loading what="sites" /><Ghost width="100%" height={96} /></>}
        {sites.isError && <Trouble what="The list of sites" error={sites.error} retry={() => void sites.refetch()} />}
        {sites.data && (
          <div className={css.scroll} role="region" aria-label="Sites and roles" tabIndex={0}>
            <table className={`${css.table} ${table.cards}`}>
              <thead><tr><th scope="col">Site</th><th scope="col">Time zone</th>{allRoles.map((r) => <th key={r} scope="col" className={css.num}>{roleWord[r]}</th>)}<th scope="col"><span className="sr-only">Change</span></th></tr></thead>
              <tbody>
                {sites.data.map((s) => (
                  <tr key={s.id}>
                    <th scope="row">{s.name} <span className="label mono">{s.short}</span></th>
                    <td data-name="Time zone"><span>{s.time_zone}</span></td>
                    {allRoles.map((r) => <td key={r} data-name={roleWord[r]} className={css.num}><Count info={roles.data} site={s.id} role={r} known={oversees(me) && hasRole(me, s.id, ['admin', 'auditor'])} /></td>)}
                    <td>{hasRole(me, s.id, ['admin']) && <Button variant="subtle" size="compact-sm" onClick={() => setOpen(s)}>Change…<span className="sr-only"> {s.short}</span></Button>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {roles.isError && <Trouble what="Who has which role" error={roles.error} retry={() => void roles.refetch()} />}
      </section>
      <section aria-label="Separation of duties" className={css.block}>
        <h2 className="h2">What one person cannot be</h2>
        <p className="label">Nobody changes their own roles, and a site keeps an administrator whose account is open. That whoever proposes a dose change never verifies it is checked with every change.</p>
        {roles.isPending && <><Loading what="roles" /><Ghost width="100%" height={96} /></>}
        {roles.data && <Exclusions info={roles.data} />}
      </section>
      {open && <Dialog title={open === 'new' ? 'Add a site' : `Change ${open.name}`} onClose={close}><SiteForm site={open === 'new' ? null : open} onClose={close} /></Dialog>}
    </div>
  );
}

function Count({ info, site, role, known }: { info: RolesInfo | undefined; site: string; role: Role; known: boolean }) {
  if (!info) return <span className="label">…</span>;
  if (!known) return <span className="label" title="You neither administer nor audit this site">–</span>;
  const n = info.counts.find((c) => c.site === site && c.role === role)?.people ?? 0;
  return n === 0 ? <span className="label">0</span> : <Link className="link" to="/people" search={{ site, role, state: 'open' }} aria-label={`${n} with the role ${roleWord[role]}`}>{n}</Link>;
}

/** The same reason is said once for all pairs that it is about. */
function Exclusions({ info }: { info: RolesInfo }) {
  return (
    <ul className={css.rules}>
      {grouped(info.exclusions, (e) => `${e.one} ${e.anywhere} ${e.why}`).map(([key, all]) => (
        <li key={key}>
          <p><strong>{roleWord[all[0]!.one]}</strong> and {all.map((e) => roleWord[e.other]).join(', ').replace(/, ([^,]*)$/, ' or $1')}, {all[0]!.anywhere ? 'at any site' : 'at the same site'}</p>
          <p className="label">{all[0]!.why}</p>
        </li>
      ))}
    </ul>
  );
}

function SiteForm({ site, onClose }: { site: Site | null; onClose: () => void }) {
  const queries = useQueryClient();
  const [from, setFrom] = useState(site);
  const [name, setName] = useState(site?.name ?? '');
  const [short, setShort] = useState(site?.short ?? '');
  const [zone, setZone] = useState(site?.time_zone ?? ownZone);
  const [reason, setReason] = useState('');
  const run = useMutation({
    mutationFn: () => {
      const facts = { name: oneLine(name), short: short.trim(), time_zone: zone.trim() };
      return from ? api.changeSite(from, { ...facts, reason: oneLine(reason) }) : api.createSite(facts);
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['sites'] });
      void queries.invalidateQueries({ queryKey: ['session'] });
      onClose();
    },
  });
  const stale = run.error instanceof Problem && run.error.status === 412;
  const look = useMutation({
    mutationFn: api.sites,
    onSuccess: (all) => {
      queries.setQueryData(['sites'], all);
      setFrom(all.find((s) => s.id === site?.id) ?? null);
      run.reset();
    },
  });
  const ready = name.trim() !== '' && short.trim() !== '' && zone.trim() !== '' && (!site || reason.trim() !== '');
  const zones = Intl.supportedValuesOf('timeZone');
  return (
    <Form ready={ready} pending={run.isPending} error={stale ? null : run.error} button={site ? 'Change' : 'Add'} onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          {!site && <p>You become its administrator.</p>}
          <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={100} data-autofocus error={fieldError(run.error, 'name') ?? (tried && name.trim() === '' ? 'What it is called.' : undefined)} />
          <TextInput label="Short name" description="For tables: 1 to 16 letters, digits and hyphens." value={short} onChange={(e) => setShort(e.currentTarget.value)} maxLength={16} spellCheck={false} error={fieldError(run.error, 'short') ?? (tried && short.trim() === '' ? 'Give it a short name.' : undefined)} />
          <TextInput label="Time zone" value={zone} onChange={(e) => setZone(e.currentTarget.value)} list="zones" spellCheck={false} error={fieldError(run.error, 'time_zone') ?? (tried && zone.trim() === '' ? 'Such as Europe/Berlin.' : undefined)} />
          <datalist id="zones">{zones.map((z) => <option key={z} value={z}>{z}</option>)}</datalist>
          {site && <Reason value={reason} onChange={setReason} tried={tried} />}
          {from && site && from.rev !== site.rev && <p role="status">Now it is called {from.name} ({from.short}, {from.time_zone}). What you typed was kept.</p>}
          {stale && (
            <div role="alert" className={css.problem}>
              <p>Somebody else changed this site since you opened it. Nothing was overwritten, and what you typed is still here.</p>
              <Button variant="default" size="compact-sm" loading={look.isPending} onClick={() => look.mutate()}>Show it as it is now</Button>
            </div>
          )}
        </>
      )}
    </Form>
  );
}
