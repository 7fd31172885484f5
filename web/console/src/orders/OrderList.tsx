import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Order } from '../api/orders';
import { useSites } from '../app/useSites';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { AlarmMark } from '../ui/Mark';
import { NotCurrent, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { UNKNOWN } from '../units/quantity';
import { dose, drugOf, mass, meanDay, n, primaryOf } from './amounts';
import { useBedside } from './bedside';
import css from './orders.module.css';
import { useLate } from './late';
import { useLibrary, type useOverOrders } from './queries';
import { useLeft } from './useLeft';
import { usePumpsOf } from './usePumpsOf';
import { actWord, isOpen, stateWord, waitsFor, waitWord } from './words';

/** Orders as lines: which pump, for whom (whom it was proposed for, not whom the pump is in today), what for, where it stands, and what it waits for from oneself. */
export function OrderList({ all, name }: { all: readonly Order[]; name: string }) {
  const { byId } = usePumpsOf(all);
  return <ul className={css.cards} aria-label={name}>{all.map((o) => <Item key={o.id} order={o} serial={byId.get(o.pump)?.serial ?? o.document?.serial ?? UNKNOWN} patient={o.state === 'draft' ? byId.get(o.pump)?.patient ?? null : o.patient} />)}</ul>;
}

/** Orders that are over, as far back as one has asked for; `children` if there are none at all. */
export function Past({ of: q, what, name, children }: { of: ReturnType<typeof useOverOrders>; what: string; name: string; children?: ReactNode }) {
  const all = q.data?.pages.flatMap((p) => p.items);
  if (!all) return q.isError && <Trouble what={what} error={q.error} retry={() => void q.refetch()} />;
  return (
    <>
      {q.isError && <NotCurrent of={q} />}
      {all.length === 0 ? children : <OrderList all={all} name={name} />}
      {q.hasNextPage && <Button variant="default" loading={q.isFetchingNextPage} onClick={() => void q.fetchNextPage()}>Load older</Button>}
    </>
  );
}

function Item({ order: o, serial, patient }: { order: Order; serial: string; patient: string | null }) {
  const me = useMe();
  const sites = useSites();
  const { lib } = useLibrary();
  const waits = waitsFor(me, o);
  const left = useLeft(isOpen(o.state) ? o.expires_at : null);
  const late = useLate(o);
  const bedside = useBedside(o);
  return (
    <li>
      <div>
        <Link className="link" to="/orders/$id" params={{ id: o.id }} search={{}}>{actWord[o.act] ?? 'Draft'}, order {o.id}</Link>
        <p><span className="mono">{serial}</span>{patient && <> · patient {patient}</>} <span className="label">{sites.short(o.site)}</span></p>
      </div>
      <div>
        <p>{o.blind ? <span className="label">shown after your own entry</span> : summary(o, lib)}</p>
        <p className="label">by {o.proposer.name}, <Age at={o.proposed_at ?? o.created_at} /></p>
      </div>
      <div>
        <p><strong>{stateWord[o.state]}</strong>{isOpen(o.state) && o.state !== 'draft' && <span className="label"> {o.approvals.length} of {o.finding.people} signed</span>}</p>
        {bedside && <p>{bedside}</p>}
        {late !== null && <p><AlarmMark priority="medium" text={`Not confirmed for ${late} min`} /></p>}
        <p className="label">{left ? `expires in ${left}` : o.code && o.state === 'refused' ? <>{o.detail} <code>{o.code}</code></> : ''}</p>
      </div>
      {waits ? <Link className="link" data-screen to="/orders/$id" params={{ id: o.id }} search={{}} aria-label={`${waitWord[waits]}: order ${o.id}`}><strong>{waitWord[waits]}</strong></Link> : <span />}
    </li>
  );
}

/** "Hydromorphone 1.551 mg/day" of what an order asks for. */
function summary(o: Order, lib: ReturnType<typeof useLibrary>['lib']): string {
  const d = o.document;
  if (!lib) return '';
  const visit = d?.visit?.planned;
  if (visit) {
    const code = primaryOf(visit.contents);
    const f = drugOf(lib, code);
    return `${visit.contents.ingredients.map((i) => drugOf(lib, i.code).name).join(' + ')}, ${dose(f, mass(meanDay(visit.program), n(visit.contents.ingredients.find((i) => i.code === code)?.conc_ng_ml)))} ${f.unit}/day`;
  }
  if (!d?.contents || (!d.program && !d.dose)) return d?.reason ?? o.wish?.reason ?? '';
  const code = primaryOf(d.contents);
  const f = drugOf(lib, code);
  const conc = n(d.contents.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  return d.program ? `${f.name} ${dose(f, mass(meanDay(d.program), conc))} ${f.unit}/day` : `${f.name} ${dose(f, mass(n(d.dose!.volume_nl), conc))} ${f.unit} once`;
}
