import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type Communicator, devices } from '../api/devices';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import { useAddress } from '../app/useAddress';
import { useChange } from '../app/useChange';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';
import { Dialog } from '../ui/Dialog';
import { FileImport } from '../ui/FileImport';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { CommunicatorSheet } from './CommunicatorSheet';
import { readDevicesSearch, statuses, statusWord } from './search';
import { StockForm } from './StockForm';

const route = getRouteApi('/frame/devices');

/** All communicators of one's sites: what lies in stock, what serves whom, what is lost. */
export default function DevicesPage() {
  useTitle('Communicators');
  const search = useAddress(route.useSearch(), readDevicesSearch);
  const queries = useQueryClient();
  const me = useMe();
  const sites = useSites();
  const engineer = hasAnyRole(me, ['engineer']);
  const [adding, setAdding] = useState<'one' | 'file' | null>(null);
  const list = useQuery({ queryKey: ['communicators'], queryFn: devices.communicators, refetchInterval: 30_000 });
  const change = useChange(readDevicesSearch);
  const all = list.data ?? [];
  const text = (search.q ?? '').toLowerCase();
  const shown = all.filter((c) => (!search.status || c.status === search.status) && (text === '' || [c.serial, c.model, c.lot, c.asset_no, c.pump_serial ?? ''].some((s) => s.toLowerCase().includes(text))));
  const done = () => void queries.invalidateQueries({ queryKey: ['communicators'] });
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Communicators</h1>
        {engineer && <div className={css.tools}><Button variant="default" onClick={() => setAdding('file')}>Import a file</Button><Button onClick={() => setAdding('one')}>Put into stock</Button></div>}
      </div>
      <div className={css.tools}>
        <Line aria-label="Find a communicator" placeholder="Serial, model, lot, asset or pump" value={search.q ?? ''} onText={(q) => change({ q: q || undefined }, 'stream')} w={280} />
        <fieldset className={css.switch}>
          <legend className="sr-only">Status</legend>
          <button type="button" aria-pressed={!search.status} onClick={() => change({ status: undefined })}>All <span className={css.n}>{list.data ? all.length : '…'}</span></button>
          {statuses.map((s) => <button key={s} type="button" aria-pressed={search.status === s} onClick={() => change({ status: s })}>{statusWord[s]} <span className={css.n}>{list.data ? all.filter((c) => c.status === s).length : '…'}</span></button>)}
        </fieldset>
      </div>
      {list.isPending && <><Loading what="communicators" /><Ghost width="100%" height={320} /></>}
      {list.isError && !list.data && <Trouble what="The list of communicators" error={list.error} retry={() => void list.refetch()} />}
      {list.isError && list.data && <NotCurrent of={list} />}
      {list.data && all.length === 0 && <Empty title="No communicators yet">Put one into stock, or enrol a pump: its communicator appears here.</Empty>}
      {list.data && all.length > 0 && shown.length === 0 && <Empty title="Nothing matches" action={<Button variant="default" onClick={() => change({ q: undefined, status: undefined })}>Show all</Button>} />}
      {shown.length > 0 && <CommTable rows={shown} site={sites.short} onOpen={(serial) => change({ open: serial })} />}
      {search.open && <CommunicatorSheet key={search.open} serial={search.open} onClose={() => change({ open: undefined })} />}
      {adding === 'one' && <Dialog title="Put a communicator into stock" onClose={() => setAdding(null)}><StockForm onClose={() => setAdding(null)} onDone={() => { done(); setAdding(null); }} /></Dialog>}
      {adding === 'file' && <Dialog title="Put communicators into stock from a file" onClose={() => setAdding(null)}><StockFile onDone={done} /></Dialog>}
    </div>
  );
}

function CommTable({ rows, site, onOpen }: { rows: readonly Communicator[]; site: (id: string) => string; onOpen: (serial: string) => void }) {
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Communicators</caption>
        <thead><tr><th scope="col">Serial</th><th scope="col">Status</th><th scope="col">Pump</th><th scope="col">Model</th><th scope="col">Site</th><th scope="col">Asset</th><th scope="col">Since</th></tr></thead>
        <tbody>
          {rows.map((c) => (
            <tr key={c.serial}>
              <td data-name="Serial" className={css.fixed}><button type="button" className={`${css.open} mono`} onClick={() => onOpen(c.serial)}>{c.serial}</button></td>
              <td data-name="Status"><span><StatusTag of={c} /></span></td>
              <td data-name="Pump">{c.pump ? <Link className="link mono" to="/pumps/$id" params={{ id: c.pump }} search={{}}>{c.pump_serial}</Link> : c.reserved_for ? <span>kept for <Link className="link mono" to="/pumps/$id" params={{ id: c.reserved_for }} search={{}}>{c.reserved_for_serial}</Link></span> : null}</td>
              <td data-name="Model">{c.model || <span className={css.muted}>not registered</span>}</td>
              <td data-name="Site">{c.site ? site(c.site) : ''}</td>
              <td data-name="Asset" className="mono">{c.asset_no}</td>
              <td data-name="Since"><span><Stamp at={c.status_since} /> <span className="label">{c.status_reason}</span></span></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function StatusTag({ of: c }: { of: Pick<Communicator, 'status' | 'reserved_for' | 'recalled'> }) {
  const strong = c.status === 'lost' || c.status === 'revoked';
  return <><span className={css.tag} data-strong={strong || undefined} data-quiet={c.status === 'retired' || undefined}>{statusWord[c.status]}{c.status === 'stock' && c.reserved_for ? ', reserved' : ''}</span>{c.recalled && <> <span className={css.tag} data-strong>in a recall</span></>}</>;
}

function StockFile({ onDone }: { onDone: () => void }) {
  const sites = useSites();
  const [site, setSite] = useState('');
  return (
    <FileImport things="communicators" example="serial,model,firmware,lot,asset_no,site" onDone={onDone} run={(file, dry) => devices.stockFile(file, dry, site)}>
      <p>One line for each communicator. serial and model are required; a line without a site goes to the one chosen here.</p>
      <Choice label="Site for lines without one" value={site} onChoose={setSite} data={[{ value: '', label: 'Every line names its site' }, ...sites.list.map((s) => ({ value: s.id, label: s.name }))]} />
    </FileImport>
  );
}
