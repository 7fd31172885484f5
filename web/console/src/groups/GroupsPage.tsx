import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { fleetApi, type Group } from '../api/fleet';
import { words } from '../api/problem';
import { useArrived } from '../app/useArrived';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import { writeValue } from '../fleet/filter/words';
import { hasAnyRole, hasRole, workers } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { part } from '../ui/part';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { MembersSheet } from './MembersSheet';
import { named } from './named';
import { useMembers } from './useMembers';

const GroupDialog = part(() => import('./GroupDialog'));
const BulkDialog = part(() => import('../fleet/BulkDialog'));
const none: readonly Group[] = [];
const tagsQuery = queryOptions({ queryKey: ['tags'], queryFn: fleetApi.tags });

/** How people sort their pumps: groups, by hand or by a filter, and tags. */
export default function GroupsPage() {
  useTitle('Groups and tags');
  const me = useMe();
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups });
  const tags = useQuery(tagsQuery);
  const members = useMembers(groups.data ?? none);
  const arrived = useArrived(!groups.isPending, !tags.isPending, members !== null);
  const [open, setOpen] = useState<{ what: 'new' } | { what: 'edit' | 'members' | 'delete'; id: string } | null>(null);
  const group = open && open.what !== 'new' ? groups.data?.find((g) => g.id === open.id) : undefined;
  const of = (g: Group) => members?.get(g.id);
  const close = () => setOpen(null);
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Groups and tags</h1>
        <div className={css.tools}><Link className="link" to="/fleet" search={{}}>The fleet</Link>{hasAnyRole(me, workers) && <Button onClick={() => setOpen({ what: 'new' })}>Make a group</Button>}</div>
      </div>
      <section aria-labelledby="groups">
        <h2 id="groups" className="h2">Groups</h2>
        {(groups.isPending || !arrived) && <><Loading what="groups" /><Ghost width="100%" height={240} /></>}
        {groups.isError && !groups.data && <Trouble what="The list of groups" error={groups.error} retry={() => void groups.refetch()} />}
        {groups.isError && groups.data && <NotCurrent of={groups} />}
        {groups.data?.length === 0 && <Empty title="No groups yet">A group holds pumps of one site: those that somebody puts in, or those that a filter means. The fleet is narrowed to it, and work goes to it.</Empty>}
        {arrived && groups.data && groups.data.length > 0 && <GroupTable groups={groups.data} count={(g) => of(g)?.length ?? null} onOpen={(what, id) => setOpen({ what, id })} />}
      </section>
      {arrived && <Tags />}
      <Suspense>
        {open?.what === 'new' && <GroupDialog onClose={close} onDone={(g) => { if (g.filter === '') requestAnimationFrame(() => setOpen({ what: 'members', id: g.id })); }} />}
        {open?.what === 'edit' && group && <GroupDialog group={group} members={group.filter === '' ? of(group)?.length ?? 0 : 0} onClose={close} />}
      </Suspense>
      {open?.what === 'members' && group && <MembersSheet group={group} members={of(group) ?? []} may={hasRole(me, group.site, workers)} onClose={close} />}
      {open?.what === 'delete' && group && <DeleteDialog group={group} onClose={close} />}
    </div>
  );
}

function GroupTable({ groups, count, onOpen }: { groups: readonly Group[]; count: (g: Group) => number | null; onOpen: (what: 'edit' | 'members' | 'delete', id: string) => void }) {
  const me = useMe();
  const sites = useSites();
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Groups by site</caption>
        <thead><tr><th scope="col">Group</th><th scope="col">Site</th><th scope="col">Its pumps</th><th scope="col" className={css.num}>Now</th><th scope="col">Made by</th><th scope="col"><span className="sr-only">Acts</span></th></tr></thead>
        <tbody>
          {groups.map((g) => {
            const n = count(g);
            return (
              <tr key={g.id}>
                <td data-name="Group"><span><strong>{g.name}</strong>{g.note && <><br /><span className="label">{g.note}</span></>}</span></td>
                <td data-name="Site">{sites.short(g.site)}</td>
                <td data-name="Its pumps">{g.filter === '' ? <span className={css.muted}>put in by hand</span> : <code>{g.filter}</code>}</td>
                <td data-name="Now" className={css.num}>{n === null ? '…' : <Link className="link" to="/fleet" search={{ q: `group:${writeValue(g.name)} site:${writeValue(sites.short(g.site))}` }} aria-label={`${n} ${n === 1 ? 'pump' : 'pumps'} of ${g.name}`}>{n}</Link>}</td>
                <td data-name="Made by">{g.owner_name}</td>
                <td>
                  <span className={css.row}>
                    <Button variant="subtle" size="compact-sm" onClick={() => onOpen('members', g.id)} aria-label={`Pumps of ${g.name}`}>Pumps</Button>
                    {hasRole(me, g.site, workers) && <Button variant="subtle" size="compact-sm" onClick={() => onOpen('edit', g.id)} aria-label={`Change ${g.name}`}>Change</Button>}
                    {hasRole(me, g.site, workers) && <Button variant="subtle" size="compact-sm" onClick={() => onOpen('delete', g.id)} aria-label={`Delete ${g.name}`}>Delete</Button>}
                  </span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function DeleteDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const queries = useQueryClient();
  const views = useQuery({ queryKey: ['views'], queryFn: fleetApi.views, staleTime: 30_000 });
  const asking = (views.data ?? []).filter((v) => named(v.filter, group.name));
  const run = useMutation({
    mutationFn: () => fleetApi.deleteGroup(group),
    onSuccess: () => { void queries.invalidateQueries({ queryKey: ['groups'] }); onClose(); },
  });
  return (
    <Dialog title={`Delete ${group.name}`} onClose={onClose}>
      <div className={alarmCss.form}>
        <p>The group goes; its pumps stay as they are.</p>
        {asking.length > 0 && <p><strong>{asking.length === 1 ? 'A view asks' : `${asking.length} views ask`} for it</strong> and will say so: {asking.map((v) => v.name).join(', ')}.</p>}
        {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
        <div className={alarmCss.buttons}><Button variant="default" onClick={onClose} data-autofocus>Cancel</Button><Button loading={run.isPending} onClick={() => run.mutate()}>Delete the group</Button></div>
      </div>
    </Dialog>
  );
}

/** The tags in use. They are given to pumps in the fleet and on the page of a pump, and taken from all of them here. */
function Tags() {
  const me = useMe();
  const queries = useQueryClient();
  const tags = useQuery(tagsQuery);
  const [taking, setTaking] = useState<string | null>(null);
  return (
    <section aria-labelledby="tags">
      <h2 id="tags" className="h2">Tags</h2>
      {tags.isPending && <><Loading what="tags" /><Ghost width="100%" height={96} /></>}
      {tags.isError && <Trouble what="The list of tags" error={tags.error} retry={() => void tags.refetch()} />}
      {tags.data?.length === 0 && <p className={css.muted}>No pump has a tag. Give them on the page of a pump, or to many at once from the fleet.</p>}
      {tags.data && tags.data.length > 0 && (
        <table className={css.table} style={{ maxWidth: 560 }}>
          <caption className="sr-only">Tags in use</caption>
          <thead><tr><th scope="col">Tag</th><th scope="col" className={css.num}>Pumps</th><th scope="col"><span className="sr-only">Acts</span></th></tr></thead>
          <tbody>
            {tags.data.map((t) => (
              <tr key={t.tag}>
                <td>{t.tag}</td>
                <td className={css.num}><Link className="link" to="/fleet" search={{ q: `tag:${writeValue(t.tag)}` }} aria-label={`${t.pumps} ${t.pumps === 1 ? 'pump' : 'pumps'} with ${t.tag}`}>{t.pumps}</Link></td>
                <td className={css.num}>{hasAnyRole(me, workers) && <Button variant="subtle" size="compact-sm" onClick={() => setTaking(t.tag)} aria-label={`Take away ${t.tag}`}>Take away</Button>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {taking && <Suspense><BulkDialog filter={`tag:${writeValue(taking)}`} pumps={null} first={{ action: 'untag', text: taking }} onBegun={() => {}} onClose={() => { setTaking(null); void queries.invalidateQueries({ queryKey: ['tags'] }); }} /></Suspense>}
    </section>
  );
}
