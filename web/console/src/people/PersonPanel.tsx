import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { api } from '../api/client';
import { Problem } from '../api/problem';
import type { Person, RoleAt } from '../api/types';
import { useSites } from '../app/useSites';
import { hasRole, roleWord } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Icon } from '../ui/Icon';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { grouped } from './grouped';
import { AccountForm, GrantForm, WithdrawForm } from './forms';
import { Keys } from './Keys';
import css from './people.module.css';

type Open = { what: 'grant' } | { what: 'withdraw'; role: RoleAt } | { what: 'disable' | 'enable' | 'end-sessions' };

/** One person: who they are, what they may do where, and what the reader may change. */
export function PersonPanel({ id, onClose }: { id: string; onClose: () => void }) {
  const person = useQuery({ queryKey: ['person', id], queryFn: () => api.person(id), retry: false });
  const gone = person.error instanceof Problem && person.error.status === 404;
  return (
    <section className={css.panel} aria-label={person.data ? person.data.name : 'Person'}>
      <button type="button" className={css.back} onClick={onClose}><Icon name="left" size={12} /> All people</button>
      {person.isPending && <><Loading what="the person" /><Ghost width="60%" height={32} /><Ghost width="100%" height={96} /></>}
      {gone && <Empty title="There is no such person">They may work at sites that are not yours.</Empty>}
      {person.isError && !gone && <Trouble what="The person" error={person.error} retry={() => void person.refetch()} />}
      {person.data && <Body person={person.data} />}
    </section>
  );
}

function Body({ person: p }: { person: Person }) {
  const me = useMe();
  const sites = useSites();
  const [open, setOpen] = useState<Open | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const close = () => setOpen(null);
  const self = p.id === me.id;
  const mine = sites.list.filter((s) => hasRole(me, s.id, ['admin']));
  return (
    <>
      <header>
        <h2 className="h1" tabIndex={-1} ref={heading}>{p.name}</h2>
        <p className="label"><span className="mono">{p.login}</span>, account {p.state === 'open' ? 'open' : 'shut'} since <Stamp at={p.disabled_at ?? p.created_at} /></p>
      </header>
      {self && <p className={css.note}>This is you. Nobody changes their own roles or shuts their own account; ask another administrator.</p>}
      <section aria-label="Roles" className={css.block}>
        <div className={css.blockHead}>
          <h3 className="h2">Roles</h3>
          {!self && mine.length > 0 && <Button variant="default" size="compact-sm" onClick={() => setOpen({ what: 'grant' })}>Give a role…</Button>}
        </div>
        {p.roles.length === 0 && <p className="label">None at your sites.</p>}
        {grouped(p.roles, (r) => r.site).map(([site, roles]) => (
          <div key={site} className={css.siteRoles}>
            <p className={css.siteName}>{sites.name(site)}</p>
            <ul>
              {roles.map((r) => (
                <li key={r.role} className={css.role}>
                  <span>{roleWord[r.role]} <span className="label">since <Stamp at={r.granted_at} />, by {actorName(r.granted_by)}</span></span>
                  {!self && hasRole(me, site, ['admin']) && <Button variant="subtle" size="compact-sm" onClick={() => setOpen({ what: 'withdraw', role: r })}>Take away…<span className="sr-only"> {roleWord[r.role]} at {r.site_short}</span></Button>}
                </li>
              ))}
            </ul>
          </div>
        ))}
        {p.elsewhere && <p className="label">Has roles at other sites, too, which their administrators see.</p>}
      </section>
      <section aria-label="Account" className={css.block}>
        <h3 className="h2">Account</h3>
        <dl className={css.facts}>
          <dt className="label">Last here</dt><dd><Age at={p.seen_at} never="never" /></dd>
          <dt className="label">Open sessions</dt><dd>{p.sessions}</dd>
        </dl>
        {!self && p.managed && (
          <div className={css.row}>
            {p.sessions > 0 && <Button variant="default" onClick={() => setOpen({ what: 'end-sessions' })}>End sessions…</Button>}
            {p.state === 'open'
              ? <Button variant="default" onClick={() => setOpen({ what: 'disable' })}>Shut the account…</Button>
              : <Button variant="default" onClick={() => setOpen({ what: 'enable' })}>Open the account again…</Button>}
          </div>
        )}
        {!self && !p.managed && mine.length > 0 && <p className="label">Only who administers all sites where {p.name} works may shut the account. You can take away the roles at yours.</p>}
      </section>
      {!self && p.managed && <Keys person={p} />}
      {open?.what === 'grant' && <Dialog title={`Give ${p.name} a role`} onClose={close}><GrantForm person={p} sites={mine} onClose={close} /></Dialog>}
      {open?.what === 'withdraw' && <Dialog title={`Take a role from ${p.name}`} onClose={close} opener={heading}><WithdrawForm person={p} role={open.role} onClose={close} /></Dialog>}
      {(open?.what === 'disable' || open?.what === 'enable' || open?.what === 'end-sessions') && (
        <Dialog title={`${titles[open.what]}: ${p.name}`} onClose={close} opener={heading}><AccountForm person={p} act={open.what} onClose={close} /></Dialog>
      )}
    </>
  );
}

const titles = { disable: 'Shut the account', enable: 'Open the account again', 'end-sessions': 'End sessions' } as const;
