import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { fleetApi, type Group } from '../api/fleet';
import { Problem, words } from '../api/problem';
import { useSites } from '../app/useSites';
import { hasRole, workers } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Dialog } from '../ui/Dialog';
import { Choice, Line } from '../ui/Field';
import { named } from './named';
import { useMeant } from './useMembers';

interface Props {
  /** The group to change; none for a new one. */
  group?: Group;
  /** What a new one begins with. */
  filter?: string;
  /** How many members a group by hand has. */
  members?: number;
  onClose: () => void;
  onDone?: (g: Group) => void;
}

/** Makes a group, or changes its name, its note, and how it goes: by its members, or by a filter. */
export default function GroupDialog({ group, filter: given = '', members = 0, onClose, onDone }: Props) {
  const me = useMe();
  const sites = useSites();
  const queries = useQueryClient();
  const mine = sites.list.filter((s) => hasRole(me, s.id, workers));
  const [v, setV] = useState({ name: group?.name ?? '', note: group?.note ?? '', filter: group?.filter ?? given });
  const [chosen, setSite] = useState(group?.site ?? '');
  const [byFilter, setByFilter] = useState((group?.filter ?? given) !== '');
  const [tried, setTried] = useState(false);
  const site = chosen || (mine.length === 1 ? mine[0]!.id : '');
  const meant = useMeant(byFilter ? v.filter : '', site);
  const views = useQuery({ queryKey: ['views'], queryFn: fleetApi.views, staleTime: 30_000 });
  const set = (name: keyof typeof v) => (value: string) => setV({ ...v, [name]: value });
  const problems = {
    name: v.name.trim() === '' ? 'Give it a name.' : undefined,
    site: site === '' ? 'Choose the site that it belongs to.' : undefined,
    filter: !byFilter ? undefined : v.filter.trim() === '' ? 'Say which pumps are meant, such as battery<30%.' : meant.error ?? undefined,
  };
  const run = useMutation({
    mutationFn: () => {
      const what = { name: v.name.trim(), note: v.note.trim(), filter: byFilter ? v.filter.trim() : '' };
      return group ? fleetApi.editGroup(group, what) : fleetApi.createGroup({ ...what, site });
    },
    onSuccess: (g) => {
      void queries.invalidateQueries({ queryKey: ['groups'] });
      onDone?.(g);
      onClose();
    },
  });
  const problem = (field: 'name' | 'note' | 'filter' | 'site') => (run.error instanceof Problem ? run.error.fields.find((f) => f.location.endsWith(field))?.message : undefined);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (!Object.values(problems).some(Boolean) && !run.isPending) run.mutate();
  };
  const asking = group && v.name.trim() !== group.name ? (views.data ?? []).filter((w) => named(w.filter, group.name)) : [];
  return (
    <Dialog title={group ? `Change ${group.name}` : 'Make a group'} onClose={onClose}>
      <form onSubmit={submit} noValidate className={alarmCss.form}>
        {!group && mine.length > 1 && <Choice label="Site" value={chosen} onChoose={setSite} error={(tried ? problems.site : undefined) ?? problem('site')} data={[{ value: '', label: 'Choose…' }, ...mine.map((s) => ({ value: s.id, label: s.name }))]} />}
        <Line label="Name" value={v.name} onText={set('name')} maxLength={60} data-autofocus error={(tried ? problems.name : undefined) ?? problem('name')} />
        <Line label="Note" value={v.note} onText={set('note')} maxLength={200} error={problem('note')} />
        <Check
          checked={byFilter} onChange={(e) => setByFilter(e.currentTarget.checked)} label="Its pumps are those that a filter means" disabled={!byFilter && members > 0}
          description={members > 0 && !byFilter ? `Its ${members} ${members === 1 ? 'member was' : 'members were'} put in by hand; take ${members === 1 ? 'it' : 'them'} out first.` : byFilter ? 'They come and go by themselves.' : 'Otherwise somebody puts each in and takes it out.'}
        />
        {byFilter && <Line label="Filter" value={v.filter} onText={set('filter')} maxLength={2000} styles={{ input: { fontFamily: 'var(--mono)' } }} error={(tried || v.filter.trim() !== '' ? problems.filter : undefined) ?? problem('filter')} description={meant.count === null ? undefined : `${meant.count} ${meant.count === 1 ? 'pump' : 'pumps'} now`} />}
        {asking.length > 0 && <p role="status">{asking.length === 1 ? 'A view asks' : `${asking.length} views ask`} for the present name and will find nothing under it: {asking.map((w) => w.name).join(', ')}.</p>}
        {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
        <div className={alarmCss.buttons}>
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button type="submit" loading={run.isPending}>{group ? 'Keep' : 'Make the group'}</Button>
        </div>
      </form>
    </Dialog>
  );
}
