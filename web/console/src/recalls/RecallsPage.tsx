import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { devices, type Recall } from '../api/devices';
import { useTitle } from '../app/useTitle';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { RecallForm } from './RecallForm';

export const severityWord: Record<Recall['severity'], string> = { I: 'may cause serious harm or death', II: 'may cause harm that can be treated', III: 'is not likely to cause harm' };

/** All notices, with how far each is at one's own sites. */
export default function RecallsPage() {
  useTitle('Recalls');
  const me = useMe();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [adding, setAdding] = useState(false);
  const list = useQuery({ queryKey: ['recalls'], queryFn: devices.recalls, refetchInterval: 30_000 });
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Recalls</h1>
        {hasAnyRole(me, ['engineer']) && <Button onClick={() => setAdding(true)}>Record a recall</Button>}
      </div>
      <p className={css.muted}>A notice concerns every site; the counts are of your own devices. Devices that are registered later are judged as they are registered.</p>
      {list.isPending && <><Loading what="recalls" /><Ghost width="100%" height={240} /></>}
      {list.isError && !list.data && <Trouble what="The list of recalls" error={list.error} retry={() => void list.refetch()} />}
      {list.isError && list.data && <NotCurrent of={list} />}
      {list.data?.length === 0 && <Empty title="No recall is recorded">When a maker or an authority calls devices back, record the notice here: every pump or communicator is judged by it.</Empty>}
      {list.data && list.data.length > 0 && (
        <div className={css.wrap}>
          <table className={`${css.table} ${css.cards}`}>
            <caption className="sr-only">Recalls, open ones first</caption>
            <thead><tr><th scope="col">Notice</th><th scope="col">Class</th><th scope="col">State</th><th scope="col">Issued</th><th scope="col" className={css.num}>To check</th><th scope="col" className={css.num}>Open</th><th scope="col" className={css.num}>Closed</th><th scope="col">Progress</th></tr></thead>
            <tbody>
              {list.data.map((r) => (
                <tr key={r.id}>
                  <td data-name="Notice"><span><Link className="link" to="/recalls/$id" params={{ id: r.id }} search={{}}>{r.reference}</Link> <span className="label">{r.maker}, {r.device}s</span><br />{r.title}</span></td>
                  <td data-name="Class"><span className={css.tag} data-strong={r.severity === 'I' || undefined}>{r.severity}</span></td>
                  <td data-name="State">{r.state}</td>
                  <td data-name="Issued" className={css.fixed}>{r.issued_on}</td>
                  <td data-name="To check" className={css.num}>{r.counts.check}</td>
                  <td data-name="Open" className={css.num}>{r.counts.open}</td>
                  <td data-name="Closed" className={css.num}>{r.counts.closed}</td>
                  <td data-name="Progress"><Progress of={r} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {adding && (
        <Dialog title="Record a recall" onClose={() => setAdding(false)}>
          <RecallForm onClose={() => setAdding(false)} onDone={(r) => { void queries.invalidateQueries({ queryKey: ['recalls'] }); void navigate({ to: '/recalls/$id', params: { id: r.id }, search: {} }); }} />
        </Dialog>
      )}
    </div>
  );
}

/** How far a recall is: closed, contacted, and still to do. */
export function Progress({ of: r }: { of: Pick<Recall, 'counts'> }) {
  const { total, closed, contacted } = r.counts;
  if (total === 0) return <span className="label">no device of yours</span>;
  const share = (n: number) => `${(n / total) * 100}%`;
  return (
    <div>
      <div className={css.bar} aria-hidden><span style={{ width: share(closed) }} /><span data-part="contacted" style={{ width: share(contacted) }} /></div>
      <span className="label">{closed} of {total} closed, {contacted} contacted</span>
    </div>
  );
}
