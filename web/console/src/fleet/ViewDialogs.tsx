import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { fleetApi, type View } from '../api/fleet';
import { words } from '../api/problem';
import type { useSites } from '../app/useSites';
import { hasRole, workers } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Choice, Line } from '../ui/Field';
import { Trouble } from '../ui/states';
import css from './Fleet.module.css';
import type { Look } from './ViewsMenu';

interface Props {
  what: 'save' | 'manage';
  look: Look;
  wrong: boolean;
  views: readonly View[];
  sites: ReturnType<typeof useSites>;
  onClose: () => void;
}

/** Saves what is shown under a name, or changes and deletes what was saved. */
export default function ViewDialog({ what, ...rest }: Props) {
  return what === 'save' ? <SaveView {...rest} /> : <ManageViews {...rest} />;
}

function useShareable(sites: ReturnType<typeof useSites>) {
  const me = useMe();
  return sites.list.filter((s) => hasRole(me, s.id, workers));
}

function SaveView({ look, sites, onClose }: { look: Look; sites: ReturnType<typeof useSites>; onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [site, setSite] = useState('');
  const [tried, setTried] = useState(false);
  const share = useShareable(sites);
  const save = useMutation({
    mutationFn: () => fleetApi.createView({ ...look, name: name.trim(), ...(site ? { site } : {}) }),
    onSuccess: () => { void queries.invalidateQueries({ queryKey: ['views'] }); onClose(); },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (name.trim() !== '' && !save.isPending) save.mutate();
  };
  return (
    <Dialog title="Save this view" onClose={onClose}>
      <form onSubmit={submit} noValidate className={alarmCss.form}>
        <p>{look.filter ? <>Keeps the filter <code>{look.filter}</code>, the order and the columns.</> : 'Keeps the order and the columns, for all pumps.'}</p>
        <Line label="Name" value={name} onText={setName} maxLength={60} data-autofocus error={tried && name.trim() === '' ? 'Give it a name.' : undefined} />
        <Choice label="For" value={site} onChoose={setSite} data={[{ value: '', label: 'Me alone' }, ...share.map((s) => ({ value: s.id, label: `Everybody at ${s.name}` }))]} />
        {save.isError && <p role="alert" className={alarmCss.problem}>{words(save.error)}</p>}
        <div className={alarmCss.buttons}>
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button type="submit" loading={save.isPending}>Save</Button>
        </div>
      </form>
    </Dialog>
  );
}

function ManageViews({ look, wrong, views, sites, onClose }: { look: Look; wrong: boolean; views: readonly View[]; sites: ReturnType<typeof useSites>; onClose: () => void }) {
  const queries = useQueryClient();
  const me = useMe();
  const share = new Set(useShareable(sites).map((s) => s.id));
  const act = useMutation({
    mutationFn: ({ v, remove }: { v: View; remove: boolean }) => (remove ? fleetApi.deleteView(v) : fleetApi.editView(v, { ...look, name: v.name, ...(v.site ? { site: v.site } : {}) }).then(() => {})),
    onSettled: () => queries.invalidateQueries({ queryKey: ['views'] }),
  });
  return (
    <Dialog title="Views" onClose={onClose}>
      <ul className={css.views}>
        {views.map((v) => (
          <li key={v.id} className={css.view}>
            <div>
              <p><strong>{v.name}</strong> <span className="label">{v.site ? `shared at ${sites.short(v.site)} by ${v.owner_name}` : 'mine'}</span></p>
              <p className="label">{v.filter || 'all pumps'}</p>
            </div>
            {(v.owner === me.id || (v.site !== null && share.has(v.site))) && (
              <span className={css.moves}>
                <Button variant="subtle" size="compact-sm" disabled={act.isPending || wrong} onClick={() => act.mutate({ v, remove: false })} aria-label={`Let ${v.name} be what is shown now`}>Set to what is shown</Button>
                <Button variant="subtle" size="compact-sm" disabled={act.isPending} onClick={() => act.mutate({ v, remove: true })} aria-label={`Delete ${v.name}`}>Delete</Button>
              </span>
            )}
          </li>
        ))}
      </ul>
      {act.isError && <Trouble what="The view" error={act.error} />}
    </Dialog>
  );
}
