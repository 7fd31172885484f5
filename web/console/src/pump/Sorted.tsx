import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { fleetApi, type Group } from '../api/fleet';
import { usePump } from '../app/live';
import { writeValue } from '../fleet/filter/words';
import { useMembers } from '../groups/useMembers';
import { hasRole, workers } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import css from '../ui/Table.module.css';
import { TagsForm } from './TagsForm';

const none: readonly Group[] = [];

/** Where people sorted a pump: its tags, and the groups that hold it, by hand or by a filter. */
export function Sorted({ pump, serial, site }: { pump: string; serial: string; site: string }) {
  const me = useMe();
  const row = usePump(pump);
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups, staleTime: 30_000 });
  const members = useMembers(groups.data ?? none);
  const [open, setOpen] = useState(false);
  const holding = members === null ? null : (groups.data ?? none).filter((g) => members.get(g.id)?.some((r) => r.id === pump));
  return (
    <>
      <dl className={css.facts}>
        <div><dt className="label">Tags</dt><dd>{row && row.tags.length > 0 ? <span className={css.row}>{row.tags.map((t) => <Link key={t} className="link" to="/fleet" search={{ q: `tag:${writeValue(t)}` }}>{t}</Link>)}</span> : 'none'}</dd></div>
        <div><dt className="label">Groups</dt><dd>{groups.isError && !groups.data ? <>could not be read <button type="button" className="link" onClick={() => void groups.refetch()}>Try again</button></> : holding === null || groups.isPending ? '…' : holding.length === 0 ? 'none' : <span className={css.row}>{holding.map((g) => <Link key={g.id} className="link" to="/fleet" search={{ q: `group:${writeValue(g.name)}` }}>{g.name}</Link>)}</span>}</dd></div>
      </dl>
      {row && hasRole(me, site, workers) && <Button variant="default" size="compact-md" style={{ marginTop: 8 }} onClick={() => setOpen(true)}>Edit tags…</Button>}
      {row && open && <Dialog title={`Tags of ${serial}`} onClose={() => setOpen(false)}><TagsForm pump={pump} tags={row.tags} onClose={() => setOpen(false)} /></Dialog>}
    </>
  );
}
