import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { Suspense, useRef, useState } from 'react';
import { api } from '../api/client';
import { type Contents, type DoseProgram, type Order, orders, type Ran, type Therapy } from '../api/orders';
import { Problem } from '../api/problem';
import { useNotLiveSince } from '../app/live';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { ReasonForm } from '../ui/ReasonForm';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import { useBedside, useWaitsThere } from './bedside';
import { Curve } from './Curve';
import { InPath } from './InPath';
import { Lifecycle } from './Lifecycle';
import { Notices } from './Notices';
import table from '../ui/Table.module.css';
import css from './orders.module.css';
import { useBefore, useLibrary, useOrder, useTherapy } from './queries';
import { Seals } from './Seals';
import { type Handed, signed, signerFor } from './sign';
import { Starts } from './Starts';
import { useLeft } from './useLeft';
import { useKnownSites } from './useNames';
import { WeekCurves } from './WeekCurves';
import { actWord, isAway, isOpen, mayDose, stateMeaning, stateWord, waitsFor } from './words';

// What only some people do with an order comes when they do it.
const Compare = part(() => import('./Compare').then((m) => ({ default: m.Compare })));
const Trend = part(() => import('./Trend'));
const WhoIsAsked = part(() => import('./WhoIsAsked').then((m) => ({ default: m.WhoIsAsked })));
const SignPanel = part(() => import('./SignPanel').then((m) => ({ default: m.SignPanel })));
const ReleasePanel = part(() => import('./ReleasePanel').then((m) => ({ default: m.ReleasePanel })));
const AwayPanel = part(() => import('./ReleasePanel').then((m) => ({ default: m.AwayPanel })));
const CameBack = part(() => import('./CameBack').then((m) => ({ default: m.CameBack })));
const OrderRehearsed = part(() => import('./OrderRehearsed').then((m) => ({ default: m.OrderRehearsed })));
const VerifyForm = part(() => import('./VerifyForm').then((m) => ({ default: m.VerifyForm })));

const route = getRouteApi('/frame/orders/$id');

/** One order as the document that people sign, with what each may do about it now, and its life. */
export default function OrderPage() {
  const { id } = route.useParams();
  const query = useOrder(id);
  const o = query.data;
  const sites = useSites();
  useTitle(o ? `Order ${o.id}, ${actWord[o.act] ?? 'draft'}` : 'Order', o && { title: `Order ${o.id}, ${actWord[o.act] ?? 'draft'}: ${stateWord[o.state]}${o.document ? `, for pump ${o.document.serial}` : ''}`, site: sites.name(o.site) });
  if (query.isPending) return <div className={css.page}><Loading page="Order" what="the order" /><Ghost width="60%" height={40} /><Ghost width="100%" height={480} /></div>;
  if (query.isError && query.error instanceof Problem && query.error.status === 404) return <Empty page title="There is no such order" action={<Link className="link" to="/orders" search={{}}>All orders</Link>}>It may belong to a site that you do not see.</Empty>;
  if (!o) return <Trouble page="Order" what="The order" error={query.error} retry={() => void query.refetch()} />;
  return <Page order={o} stale={query.isError} />;
}

function Page({ order: o, stale }: { order: Order; stale: boolean }) {
  const me = useMe();
  const [withdraw, setWithdraw] = useState(false);
  const pump = useQuery({ queryKey: ['pump', o.pump], queryFn: () => api.pump(o.pump), staleTime: 30_000 });
  const therapy = useTherapy(o.pump, isOpen(o.state));
  const { lib, error: noLibrary } = useLibrary();
  const frozen = useNotLiveSince();
  const waits = waitsFor(me, o);
  const signing = o.state === 'proposed' || o.state === 'verified';
  // Old beside new while the pump runs what the signers saw; afterwards what was kept of it with the order.
  const held = isOpen(o.state) && therapy.data && o.document && therapy.data.state_hash === o.document.state ? therapy.data : null;
  const kept = useBefore(o.id, o.hash, o.document !== null && !o.blind && held === null && !(isOpen(o.state) && therapy.isPending));
  const ran = kept.data && kept.data.state_hash === o.document?.state ? kept.data : null;
  return (
    <article className={css.page} data-order={o.id} data-state={o.state}>
      <Header order={o} serial={pump.data?.serial ?? o.document?.serial ?? ''} label={pump.data?.label ?? ''} patient={o.state === 'draft' ? pump.data?.patient ?? null : o.patient} />
      {(stale || frozen !== null) && <p role="status"><strong>This page is not current:</strong> {stale ? 'the last answer failed.' : 'the connection is being restored.'}</p>}
      {o.contradicted && <p role="alert" className={css.alarm}><strong>Look at the pump and the patient now:</strong> {o.detail}. This order ends when the pump’s own report agrees, or when another order that says what it runs is applied.</p>}
      {therapy.data?.drift && <p className={css.note}><strong>The pump does not run what its last order left it with.</strong> Find out why before anything else is signed.</p>}
      {isOpen(o.state) && o.document && therapy.data && therapy.data.state_hash !== o.document.state && <p className={css.note}><strong>The pump has changed since this was proposed.</strong> What it runs now is not what the signers saw, so it will refuse this order. Propose again.</p>}
      {o.mismatches > 0 && o.state !== 'draft' && <p className={css.note}>Numbers that a second person entered differed {o.mismatches === 1 ? 'once' : `${o.mismatches} times`}.</p>}
      <div className={css.split}>
        <div>
          {!lib ? noLibrary ? <Trouble what="The drug library" error={noLibrary} /> : <Ghost width="100%" height={480} /> : o.blind && signing ? <Suspense fallback={<Ghost width="100%" height={480} />}><VerifyForm order={o} lib={lib} /></Suspense> : o.blind ? <Kept order={o} /> : o.document ? <Paper order={o} held={held} ran={ran} lost={kept.isError ? kept.error : null} lib={lib} patient={therapy.data?.patient ?? pump.data?.patient ?? null} /> : o.state === 'draft' && o.proposer.id === me.id && mayDose.propose(me, o.site) ? <Suspense fallback={<Ghost width="100%" height={160} />}><CameBack order={o} /></Suspense> : <Empty title={o.state === 'draft' ? 'A draft' : 'It was discarded'}>{o.state === 'draft' ? 'Nothing is signed or sent of it. Its author proposes it when it is ready.' : `${o.detail ?? 'Its author put it away'}. Nothing of it is signed or sent.`}</Empty>}
        </div>
        <div className={css.side}>
          <State order={o} />
          {isAway(o.state) && <Suspense fallback={<Ghost width="100%" height={160} />}><AwayPanel order={o} /></Suspense>}
          {o.state === 'withdrawn' && !o.pump_told && <p className={css.note} data-first><strong>The pump is not told yet.</strong> {o.may_apply_until ? <>A release was under way: it may still apply until <Stamp at={o.may_apply_until} full />.</> : 'It was never released.'}</p>}
          {signing && waits === 'sign' && lib && <Suspense fallback={<Ghost width="100%" height={240} />}><SignPanel key={o.hash} order={o} therapy={therapy.data ?? null} /></Suspense>}
          {signing && waits === null && <WhyNot order={o} />}
          {o.state === 'approved' && waits === 'release' && <Suspense fallback={<Ghost width="100%" height={320} />}><ReleasePanel order={o} therapy={therapy.data ?? null} /></Suspense>}
          {o.state === 'approved' && waits === null && <p className="label">Somebody who may release at this site lets it go.</p>}
          <Lifecycle order={o} />
          {/* Beside a blind entry stands nothing that suggests a number. */}
          {isOpen(o.state) && o.document && !o.blind && <div data-screen><Suspense fallback={<Ghost width="100%" height={520} />}><Trend pump={o.pump} /></Suspense></div>}
          <div className={css.buttons} data-screen>
            {o.document && <Button variant="default" onClick={() => window.print()}>Print</Button>}
            {isOpen(o.state) && o.state !== 'draft' && !o.contradicted && mayDose.stop(me, o.site) && <Button variant="default" onClick={() => setWithdraw(true)}>Withdraw…</Button>}
            {o.state === 'withdrawn' && !o.pump_told && mayDose.stop(me, o.site) && <Button variant="default" onClick={() => setWithdraw(true)}>Withdraw again…</Button>}
          </div>
        </div>
      </div>
      {withdraw && <Dialog title={`Withdraw order ${o.id}`} onClose={() => setWithdraw(false)}><WithdrawForm order={o} onClose={() => setWithdraw(false)} /></Dialog>}
    </article>
  );
}

/** Whoever may check the next proposal of the same numbers sees them after their own entry, and not here. */
function Kept({ order: o }: { order: Order }) {
  return o.state === 'draft'
    ? <Empty title="A draft">Its author proposes it when it is ready. You see what it asks for after your own entry.</Empty>
    : <Empty title="What it asked for is kept from you">It ended before enough people had signed, and may be proposed again with the same numbers: you would check them.</Empty>;
}

/** Of which pump and for whom: whom it was proposed for, not whom the pump is in today; a draft is for nobody yet. */
function Header({ order: o, serial, label, patient }: { order: Order; serial: string; label: string; patient: string | null }) {
  const sites = useSites();
  const left = useLeft(isOpen(o.state) ? o.expires_at : null);
  return (
    <header className={css.head}>
      <div className={css.ident}>
        <Link to="/orders" search={{}} className={table.back} data-screen><Icon name="left" /> Orders</Link>
        <h1>{actWord[o.act] ?? 'Draft'} <span className={css.quiet}>order {o.id}</span></h1>
      </div>
      <p className={css.who}>
        <span>Pump <b><Link to="/pumps/$id" params={{ id: o.pump }} search={{}} className="mono">{serial}</Link></b></span>
        {label && <span>{label}</span>}
        {patient && <span>Patient <b>{patient}</b></span>}
        <span>{sites.name(o.site)}</span>
        {left && <span>Expires in <b>{left}</b></span>}
      </p>
    </header>
  );
}

function State({ order: o }: { order: Order }) {
  const bedside = useBedside(o);
  const waits = useWaitsThere(o);
  return (
    <section aria-labelledby="state-h" className={css.section} data-first>
      <h2 id="state-h" className="sr-only">State</h2>
      <p className={css.state} data-tone={isOpen(o.state) ? undefined : 'end'} role="status"><span aria-hidden>{o.state === 'applied' ? '●' : isOpen(o.state) ? '◐' : '○'}</span>{stateWord[o.state]}</p>
      <p>{waits ? 'The pump has it and found it right. It changes nothing before somebody beside the patient has confirmed it.' : stateMeaning[o.state]}</p>
      {bedside && <p role="status"><strong>{bedside}.</strong></p>}
      {o.code && o.state !== 'applied' && !o.contradicted && <p className={css.note}><code>{o.code}</code> {o.detail}{o.detail && '. '}{o.remedy}</p>}
      <p className="label">Proposed by {o.proposer.name} <Stamp at={o.proposed_at ?? o.created_at} full /></p>
      {(o.state === 'proposed' || o.state === 'verified') && <Suspense fallback={null}><WhoIsAsked order={o} /></Suspense>}
      {o.replaces && <p className="label">Takes the place of <Link className="link" to="/orders/$id" params={{ id: o.replaces }} search={{}}>order {o.replaces}</Link></p>}
    </section>
  );
}

/** In words, not only by a button that is not there. */
function WhyNot({ order: o }: { order: Order }) {
  const me = useMe();
  const done = o.approvals.some((a) => a.person.id === me.id);
  return (
    <section className={css.panel}>
      <p>{done ? 'You have signed this order. Another person has to verify and sign it: nobody signs twice.' : o.proposer.id === me.id ? 'You proposed this order. Another person verifies it.' : 'You take part in no approval at this site.'}</p>
    </section>
  );
}

/** held: what the pump runs, as long as it is what the signers saw; ran: what is kept of that with the order. */
function Paper({ order: o, held, ran, lost, lib, patient }: { order: Order; patient: string | null; held: Therapy | null; ran: Ran | null; lost: unknown; lib: ReturnType<typeof useLibrary>['lib'] }) {
  const d = o.document!;
  const old = held ?? ran;
  const sites = useKnownSites(o.pump, d.act === 'transfer');
  return (
    <div className={css.doc}>
      <div className={css.docHead}>
        <div>
          <h2>{actWord[d.act]}</h2>
          <p>for pump <span className="mono">{d.serial}</span>, epoch {d.epoch}</p>
        </div>
        <div className="label" style={{ textAlign: 'right' }}>
          <p>{o.finding.people === 3 ? 'Three people' : o.finding.people === 1 ? 'One person' : 'Two people'} sign it{o.finding.increase && <>; <strong>somebody gets more of something</strong></>}</p>
          <p>valid until <Stamp at={o.expires_at} full /></p>
        </div>
      </div>
      {held && <Starts order={d} report={held.report} />}
      {held && <InPath report={held.report} at={held.at} lib={lib} />}
      <Drawn program={d.visit?.planned.program ?? d.program} contents={d.visit?.planned.contents ?? d.contents ?? old?.report.state.contents} old={old} lib={lib} />
      <Suspense fallback={<Ghost width="100%" height={480} />}><Compare document={d} therapy={old} then={held === null} now={o.state === 'applied' ? 'Applied' : undefined} lib={lib} known={{ patients: [o.wish?.patient, o.patient, patient, ran?.patient], sites: sites.all }} /></Suspense>
      {lost !== null && <Trouble what="What the pump ran when this was proposed" error={lost} />}
      {(o.state === 'proposed' || o.state === 'verified') && !o.blind && <Suspense fallback={<Ghost width="100%" height={400} />}><OrderRehearsed order={o} lib={lib} /></Suspense>}
      {!o.blind && <Notices all={o.finding.notices} />}
      {o.finding.refusals.length > 0 && (
        <section>
          <h3 className="label">The pump would refuse it now</h3>
          <ul className={css.refusals}>{o.finding.refusals.map((r) => <li key={r.code}><code>{r.code}</code> {r.detail}. {r.remedy}</li>)}</ul>
        </section>
      )}
      <Seals order={o} />
      {lib?.sample && <p className="label"><strong>Sample, unapproved:</strong> the limits come from a library that no site may treat patients by.</p>}
    </div>
  );
}

/** A program as its curve: a day, or the days of a week. */
function Drawn({ program, contents, old, lib }: { program: DoseProgram | undefined; contents: Contents | undefined; old: Ran | null; lib: ReturnType<typeof useLibrary>['lib'] }) {
  if (!program || program.segments.length === 0) return null;
  const was = old ? old.report.state.program : null;
  return program.mode === 'flex_week' && contents ? <WeekCurves now={program} was={was} contents={contents} wasContents={old?.report.state.contents ?? null} lib={lib} /> : <Curve now={program} was={was} name="Rate over the day, by the pump’s clock" />;
}

function WithdrawForm({ order: o, onClose }: { order: Order; onClose: () => void }) {
  const me = useMe();
  const queries = useQueryClient();
  const handed = useRef<Handed>({});
  return (
    <ReasonForm button="Withdraw and sign" onClose={onClose} onDone={() => { void queries.invalidateQueries({ queryKey: ['orders'] }); onClose(); }}
      effect={isAway(o.state) ? 'It was released, so the pump may have applied it before it hears of this. The page then says so.' : 'It can never be released any more. One signature is enough; somebody else looks at it within a day.'}
      run={async (reason) => signed(await signerFor(me.id, me.login, me.demo), { kind: 'withdraw', prescription: o.hash, reason }, handed.current, (key) => orders.prepareWithdrawal(o.id, key, reason), (s) => orders.withdraw(o.id, s))} />
  );
}
