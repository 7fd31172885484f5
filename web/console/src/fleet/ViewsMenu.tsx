import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { fleetApi, type NewView, type View } from '../api/fleet';
import { words } from '../api/problem';
import type { useSites } from '../app/useSites';
import { useMe } from '../session/useMe';
import { Dialog } from '../ui/Dialog';
import { Choice, Line } from '../ui/Field';
import { Icon } from '../ui/Icon';
import { PopGroup, PopItem, PopMenu } from '../ui/PopMenu';
import { Trouble } from '../ui/states';
import css from './Fleet.module.css';

export type Look = Pick<NewView, 'filter' | 'sort' | 'columns' | 'dense'>;

const editors: ReadonlySet<string> = new Set(['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist']);

interface Props {
  look: Look;
  wrong: boolean;
  sites: ReturnType<typeof useSites>;
  onOpen: (v: View) => void;
}

/** Saved ways to look at the list: one's own and those shared at one's sites. */
export function ViewsMenu({ look, wrong, sites, onOpen }: Props) {
  const views = useQuery({ queryKey: ['views'], queryFn: fleetApi.views, staleTime: 30_000 });
  const [dialog, setDialog] = useState<'save' | 'manage' | null>(null);
  const mine = views.data?.filter((v) => v.site === null) ?? [];
  const shared = views.data?.filter((v) => v.site !== null) ?? [];
  return (
    <>
      <PopMenu name="Views" width={280} opener={(toggle) => <button type="button" className={css.facet} onClick={toggle}>Views <Icon name="down" size={12} /></button>}>
        {(close) => (
          <>
            {mine.length > 0 && <PopGroup label="Mine">{mine.map((v) => <PopItem key={v.id} onClick={() => { close(); onOpen(v); }} hint={v.filter}>{v.name}</PopItem>)}</PopGroup>}
            {shared.length > 0 && <PopGroup label="Shared">{shared.map((v) => <PopItem key={v.id} onClick={() => { close(); onOpen(v); }} hint={`${sites.short(v.site!)} · ${v.owner_name}`}>{v.name}</PopItem>)}</PopGroup>}
            {views.data?.length === 0 && <p className="label" style={{ padding: '8px 16px' }}>No views yet. Filter and sort the list, then save it under a name.</p>}
            {views.isError && <p className="label" style={{ padding: '8px 16px' }} role="alert">The views could not be read. {words(views.error)}</p>}
            <PopGroup>
              <PopItem onClick={() => { close(); setDialog('save'); }} disabled={wrong}>Save this view…</PopItem>
              {(views.data?.length ?? 0) > 0 && <PopItem onClick={() => { close(); setDialog('manage'); }}>Change or delete views…</PopItem>}
            </PopGroup>
          </>
        )}
      </PopMenu>
      {dialog === 'save' && <SaveView look={look} sites={sites} onClose={() => setDialog(null)} />}
      {dialog === 'manage' && <ManageViews look={look} wrong={wrong} views={views.data ?? []} sites={sites} onClose={() => setDialog(null)} />}
    </>
  );
}

function useShareable(sites: ReturnType<typeof useSites>) {
  const me = useMe();
  const where = new Set(me.roles.filter((r) => editors.has(r.role)).map((r) => r.site));
  return sites.list.filter((s) => where.has(s.id));
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
