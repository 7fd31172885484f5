import { useQuery } from '@tanstack/react-query';
import { Suspense, useState } from 'react';
import { fleetApi, type NewView, type View } from '../api/fleet';
import { words } from '../api/problem';
import type { useSites } from '../app/useSites';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { PopGroup, PopItem, PopMenu } from '../ui/PopMenu';
import css from './Fleet.module.css';

export type Look = Pick<NewView, 'filter' | 'sort' | 'columns' | 'dense'>;

const ViewDialog = part(() => import('./ViewDialogs'));

interface Props {
  look: Look;
  wrong: boolean;
  sites: ReturnType<typeof useSites>;
  onOpen: (v: View) => void;
  /** Which edge of the opener the menu keeps to. */
  side?: 'start' | 'end';
}

/** Saved ways to look at the list: one's own and those shared at one's sites. */
export function ViewsMenu({ look, wrong, sites, onOpen, side = 'end' }: Props) {
  const views = useQuery({ queryKey: ['views'], queryFn: fleetApi.views, staleTime: 30_000 });
  const [dialog, setDialog] = useState<'save' | 'manage' | null>(null);
  const mine = views.data?.filter((v) => v.site === null) ?? [];
  const shared = views.data?.filter((v) => v.site !== null) ?? [];
  return (
    <>
      <PopMenu name="Views" width={280} side={side} opener={<button type="button" className={css.facet}>Views <Icon name="down" size={12} /></button>}>
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
      {dialog && <Suspense><ViewDialog what={dialog} look={look} wrong={wrong} views={views.data ?? []} sites={sites} onClose={() => setDialog(null)} /></Suspense>}
    </>
  );
}
