import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type CommAct, type CommunicatorDetail, devices } from '../api/devices';
import { useSites } from '../app/useSites';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Line } from '../ui/Field';
import { ReasonForm } from '../ui/ReasonForm';
import { Side } from '../ui/Side';
import { Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { useLive } from '../app/live';
import { Recalls } from '../pump/Life';
import { WorkList } from '../pump/WorkList';
import { StatusTag } from './DevicesPage';

interface Act {
  name: CommAct | 'reserve' | 'release';
  title: string;
  effect: string;
}

const acts: Record<CommunicatorDetail['status'], readonly Act[]> = {
  stock: [
    { name: 'lose', title: 'Report lost', effect: 'It cannot enrol until it is found.' },
    { name: 'revoke', title: 'Revoke', effect: 'It is here, but not trusted: it cannot enrol until it is restored.' },
    { name: 'retire', title: 'Retire', effect: 'It leaves service for good.' },
  ],
  active: [
    { name: 'lose', title: 'Report lost', effect: 'Its link is cut at once and its certificates are revoked. The pump goes on infusing, unwatched, until another communicator enrols for it.' },
    { name: 'revoke', title: 'Revoke', effect: 'Its link is cut at once and its certificates are revoked. The pump goes on infusing, unwatched, until another communicator enrols for it.' },
  ],
  lost: [
    { name: 'find', title: 'Report found', effect: 'It goes back into stock and may enrol again, with a new claim slip.' },
    { name: 'revoke', title: 'Revoke', effect: 'It is not trusted, should it turn up again.' },
    { name: 'retire', title: 'Retire', effect: 'It leaves service for good.' },
  ],
  revoked: [
    { name: 'restore', title: 'Restore to stock', effect: 'It was examined and may enrol again, with a new claim slip. Nothing that was revoked comes back.' },
    { name: 'retire', title: 'Retire', effect: 'It leaves service for good.' },
  ],
  retired: [],
};

/** One communicator: what it is, whom it served, what was done to it, and what can be done with it. */
export function CommunicatorSheet({ serial, onClose }: { serial: string; onClose: () => void }) {
  const query = useQuery({ queryKey: ['communicators', serial], queryFn: () => devices.communicator(serial) });
  return (
    <Side title={`Communicator ${serial}`} onClose={onClose}>
      {query.isPending && <><Loading what="the communicator" /><Ghost width="100%" height={240} /></>}
      {query.isError && <Trouble what="The communicator" error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Body of={query.data} />}
    </Side>
  );
}

function Body({ of: c }: { of: CommunicatorDetail }) {
  const me = useMe();
  const sites = useSites();
  const queries = useQueryClient();
  const [act, setAct] = useState<Act | null>(null);
  const engineer = c.site !== null && hasRole(me, c.site, ['engineer']);
  const possible: Act[] = [...acts[c.status]];
  if (c.status === 'stock') {
    possible.unshift(c.reserved_for
      ? { name: 'release', title: 'End the reservation', effect: `It is kept for pump ${c.reserved_for_serial} no longer.` }
      : { name: 'reserve', title: 'Reserve for a pump', effect: 'No other pump can enrol with it.' });
  }
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['communicators'] });
    void queries.invalidateQueries({ queryKey: ['pump'] });
    setAct(null);
  };
  const facts: [string, string | null][] = [['Model', c.model], ['Site', c.site && sites.name(c.site)], ['Lot', c.lot], ['Asset number', c.asset_no], ['Firmware', c.firmware]];
  return (
    <>
      <p className={css.row}><StatusTag of={c} /> <span className="label">since <Stamp at={c.status_since} />: {c.status_reason}</span></p>
      {c.pump && <p>Serves pump <Link className="link mono" to="/pumps/$id" params={{ id: c.pump }} search={{}}>{c.pump_serial}</Link> <span className="label">since <Stamp at={c.paired_at} /></span></p>}
      {c.reserved_for && <p>Kept for pump <Link className="link mono" to="/pumps/$id" params={{ id: c.reserved_for }} search={{}}>{c.reserved_for_serial}</Link> <span className="label">since <Stamp at={c.reserved_at} />: {c.reserved_why}</span></p>}
      <dl className={css.facts}>{facts.filter(([, v]) => v).map(([k, v]) => <div key={k}><dt className="label">{k}</dt><dd>{v}</dd></div>)}</dl>
      {engineer && possible.length > 0 && <div className={css.row} style={{ padding: '16px 0' }}>{possible.map((a) => <Button key={a.name} variant="default" size="compact-md" onClick={() => setAct(a)}>{a.title}…</Button>)}</div>}
      <section className={css.section} aria-labelledby="recalls">
        <h3 id="recalls">Recalls</h3>
        <Recalls of={c} />
      </section>
      <section className={css.section} aria-labelledby="served">
        <h3 id="served">Pumps that it served</h3>
        {c.pairings.length === 0 ? <p className="label">None yet.</p> : (
          <ol className={css.list}>
            {c.pairings.toReversed().map((p) => (
              <li key={p.pump + p.from}><Link className="link mono" to="/pumps/$id" params={{ id: p.pump }} search={{}}>{p.pump_serial}</Link> <Stamp at={p.from} /> {p.to ? <>to <Stamp at={p.to} /></> : <strong>until now</strong>} <span className="label">{p.end_reason ?? p.reason}</span></li>
            ))}
          </ol>
        )}
      </section>
      <section className={css.section} aria-labelledby="comm-work"><h3 id="comm-work">Maintenance</h3><WorkList of={{ serial: c.serial }} site={c.site ?? ''} work={c.work} queryKey={['communicators']} /></section>
      {act && (
        <Dialog title={`${act.title}: ${c.serial}`} onClose={() => setAct(null)}>
          {act.name === 'reserve' ? <ReserveForm c={c} act={act} onDone={done} onClose={() => setAct(null)} /> : (
            <ReasonForm effect={act.effect} button={act.title} onDone={done} onClose={() => setAct(null)} run={(why) => (act.name === 'release' ? devices.release(c.serial, why) : devices.move(c.serial, act.name as CommAct, why))} />
          )}
        </Dialog>
      )}
    </>
  );
}

function ReserveForm({ c, act, onDone, onClose }: { c: CommunicatorDetail; act: Act; onDone: () => void; onClose: () => void }) {
  const { pumps } = useLive().sync;
  const [serial, setSerial] = useState('');
  const [tried, setTried] = useState(false);
  const pump = [...pumps.values()].find((p) => p.serial.toUpperCase() === serial.trim().toUpperCase() && p.site === c.site);
  return (
    <ReasonForm effect={act.effect} button="Reserve" ready={pump !== undefined} onTry={() => setTried(true)} onDone={onDone} onClose={onClose} run={(why) => devices.reserve(c.serial, pump!.id, why)}>
      <Line label="Serial of the pump" value={serial} onText={setSerial} data-autofocus error={tried && !pump ? 'There is no such pump at this site.' : undefined} />
    </ReasonForm>
  );
}
