import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Suspense, useState } from 'react';
import { orders, type Therapy } from '../api/orders';
import { Problem } from '../api/problem';
import type { PumpRow } from '../api/types';
import { useArrived } from '../app/useArrived';
import { ceilDays, concText, dose, drugOf, mass, meanDay, ml, mostDay, mostMass, n, plainDose, seconds } from '../orders/amounts';
import { Curve } from '../orders/Curve';
import { InPath } from '../orders/InPath';
import { hasProgram } from '../orders/draft';
import { OrderList, Past } from '../orders/OrderList';
import { usePumpsOf } from '../orders/usePumpsOf';
import css from '../orders/orders.module.css';
import { useAskEvery, useLibrary, useOpenOrders, useOverOrders, useTherapy } from '../orders/queries';
import { StopForm } from '../orders/StopForm';
import { WeekCurves } from '../orders/WeekCurves';
import { busyWord, groupWord, mayDose, modeWord, runWords, severityWord } from '../orders/words';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { part } from '../ui/part';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { Why } from '../ui/Why';
import { exact } from '../units/quantity';

// Comes after what runs, which is what one came for.
const Trend = part(() => import('../orders/Trend'));

/** What a pump infuses, what it holds, what it will not pass, and every order that concerns it. */
export default function TherapyTab({ row }: { row: PumpRow }) {
  const me = useMe();
  const therapy = useTherapy(row.id);
  const every = useAskEvery();
  const list = useOpenOrders(row.id);
  const past = useOverOrders(row.id);
  const letters = useQuery({ queryKey: ['orders', 'letters', row.id], queryFn: () => orders.letters(row.id), refetchInterval: every(5_000) });
  const [stopping, setStopping] = useState(false);
  const open = list.data ?? [];
  const over = past.data?.pages.flatMap((p) => p.items) ?? [];
  const arrived = useArrived(!therapy.isPending, !list.isPending, !past.isPending, !letters.isPending, !useLibrary().pending, usePumpsOf([...open, ...over]).settled);
  const stops = (letters.data?.items ?? []).filter((l) => l.kind === 'stop');
  const resumes = therapy.data !== undefined && therapy.data.report.state.run !== 1 && hasProgram(therapy.data);
  return (
    <div className={css.page}>
      <div className={css.buttons} data-screen>
        {mayDose.propose(me, row.site) && therapy.data && <Link className="link" to="/pumps/$id/propose" params={{ id: row.id }} search={{}}><strong>{resumes ? 'Propose to resume, or another dose' : 'Propose an order'}</strong></Link>}
        {/* Never hidden by what a pump runs: one that stands may prime, and what is shown may be older than what it does. */}
        {mayDose.stop(me, row.site) && row.status === 'active' && <Button variant="default" style={{ marginLeft: 'auto' }} onClick={() => setStopping(true)}>Stop the pump…</Button>}
      </div>
      {!arrived && <><Loading what="what the pump runs" /><Ghost width="100%" height={480} /></>}
      {arrived && therapy.isError && !therapy.data && (therapy.error instanceof Problem && therapy.error.status < 500 && therapy.error.status > 0 ? <p className={css.note}><Why error={therapy.error} /></p> : <Trouble what="What the pump runs" error={therapy.error} retry={() => void therapy.refetch()} />)}
      {therapy.isError && therapy.data && <p role="status"><strong>This is not current:</strong> <Why error={therapy.error} /></p>}
      {arrived && therapy.data && <Runs of={therapy.data} />}
      {arrived && <Suspense fallback={<Ghost width="100%" height={520} />}><Trend pump={row.id} /></Suspense>}
      {arrived && letters.isError && !letters.data && <Trouble what="The stops of this pump" error={letters.error} retry={() => void letters.refetch()} />}
      {arrived && stops.length > 0 && (
        <section className={css.section} aria-labelledby="stops-h">
          <h2 id="stops-h">Stops</h2>
          <ul className={css.cards}>
            {stops.slice(0, 5).map((l) => (
              <li key={l.id}>
                <div><p>{l.by.name}{l.overdose && ', overdose'}</p><p className="label"><Stamp at={l.at} full /></p></div>
                <div><p>{l.reason}</p></div>
                <div><p><strong>{l.answered_at ? (l.state === 'applied' ? 'The pump has stopped or fallen back' : `Refused: ${l.code}`) : l.state === 'expired' ? 'Expired without an answer' : l.sent_at ? 'Sent, not answered yet' : 'Leaves now'}</strong></p><p className="label">{l.remedy ?? (l.answered_at ? '' : 'sent is not stopped')}</p></div>
                <span />
              </li>
            ))}
          </ul>
        </section>
      )}
      {arrived && <section className={css.section} aria-labelledby="pending-h">
        <h2 id="pending-h">Pending orders</h2>
        {list.isPending && <Ghost width="100%" height={48} />}
        {list.isError && !list.data && <Trouble what="The orders of this pump" error={list.error} retry={() => void list.refetch()} />}
        {list.data && (open.length === 0 ? <p className={css.quiet}>No order is pending.</p> : <OrderList all={open} name="Pending orders" />)}
      </section>}
      {arrived && (over.length > 0 || past.isError) && <section className={css.section} aria-labelledby="past-h"><h2 id="past-h">History</h2><Past of={past} what="The past orders of this pump" name="History of orders" /></section>}
      {stopping && <Dialog size="xl" title={`Stop pump ${row.serial}`} onClose={() => setStopping(false)}><StopForm row={row} therapy={therapy.data ?? null} onClose={() => setStopping(false)} /></Dialog>}
    </div>
  );
}

function Runs({ of: t }: { of: Therapy }) {
  const { lib, error, again } = useLibrary();
  const { program: p, contents: c, settings, firmware } = t.report.state;
  const kept = t.report.state.run !== 1 && hasProgram(t);
  const once = kept ? ', once resumed' : '';
  const left = kept ? null : ceilDays(n(t.report.volume_nl), mostDay(p));
  const each = (nl: string) => c.ingredients.map((i) => { const f = drugOf(lib, i.code); return `${dose(f, mass(n(nl), n(i.conc_ng_ml)))} ${f.unit} ${f.name}`; }).join(' + ');
  // Units and decimals come from the library: without it no dose is shown.
  if (!lib) return error ? <Trouble what="The drug library" error={error} retry={again} /> : <Ghost width="100%" height={320} />;
  return (
    <>
      {t.drift && <p className={css.note}><strong>The pump does not run what its last order left it with.</strong> Find out why before anything is signed.</p>}
      {t.report.foreign && <p className={css.note}><strong>Another maker’s programmer changed this pump.</strong> It gives no bolus until an order adopts what it runs or replaces it.</p>}
      {t.verifies_signatures !== 'implant' && <p className={css.note}><strong>Signatures are checked by the communicator only,</strong> not by the implant: whoever has the communicator could program this pump.</p>}
      <InPath report={t.report} at={t.at} lib={lib} />
      <div className={css.split}>
        <section className={css.section} aria-labelledby="runs-h">
          <h2 id="runs-h">Runs: {modeWord[p.mode] ?? p.mode}, {runWords[t.report.state.run]}</h2>
          <p className="label">as the pump said <Age at={t.at} /></p>
          {busyWord[t.report.busy] && <p><strong>{busyWord[t.report.busy]}</strong></p>}
          {kept && <p className={css.note}><strong>It does not give this.</strong> The program is kept for when somebody resumes it; {t.report.state.run === 3 ? 'the pump stands' : 'only the tubing is kept moving'}.</p>}
          {p.mode === 'flex_week' ? <WeekCurves now={p} contents={c} lib={lib} /> : <Curve now={p} name="Rate over the day, by the pump’s clock" />}
          <dl className={css.totals}>
            {c.ingredients.map((i) => {
              const f = drugOf(lib, i.code);
              return (
                <div key={i.code}>
                  <dt className="label">{f.name} a day{once}</dt>
                  <dd>{dose(f, mass(meanDay(p), n(i.conc_ng_ml)))}<small>{f.unit}</small></dd>
                  <dd className="label">{p.ptm && <>at most {dose(f, mostMass(p, n(i.conc_ng_ml)))} {f.unit} with every patient bolus</>}</dd>
                </div>
              );
            })}
            <div><dt className="label">Volume a day{once}</dt><dd>{ml(meanDay(p))}<small>mL</small></dd></div>
            {p.ptm && <div><dt className="label">Patient boluses{once}</dt><dd>{p.ptm.max_24h}<small>in 24 h</small></dd><dd className="label">{each(p.ptm.volume_nl)} each, over {seconds(p.ptm.duration_s)}; lockout {seconds(p.ptm.lockout_s)}</dd></div>}
          </dl>
        </section>
        <div className={css.side}>
          <section className={css.section} aria-labelledby="holds-h">
            <h2 id="holds-h">Holds</h2>
            <dl>
              {c.ingredients.map((i) => { const f = drugOf(lib, i.code); return <div key={i.code}><dt>{f.name} <strong>{concText(f, n(i.conc_ng_ml))}<span className="unit">{f.unit}/mL</span></strong></dt><dd className="label">{f.entry && severityWord[f.entry.withdrawal]} when it ends abruptly</dd></div>; })}
            </dl>
            <p>{ml(n(t.report.volume_nl), 2)}<span className="unit">mL computed</span> of {ml(n(t.reservoir_capacity_nl), 0)}<span className="unit">mL</span>, {c.route}</p>
            {left !== null && <p className="label">Lasts {(left - 1n).toString()} to {left.toString()} days {p.ptm ? 'if every patient bolus is taken' : 'by its program'}.</p>}
          </section>
          <section className={css.section} aria-labelledby="hard-h">
            <h2 id="hard-h">Hard limits on the pump</h2>
            <ul>{t.report.limits.ingredients.map((l) => { const f = drugOf(lib, l.code); return <li key={l.code}>{f.name} {plainDose(f, n(l.max_24h_ng))}<span className="unit">{f.unit} in 24 h</span>, {plainDose(f, n(l.max_1h_ng))}<span className="unit">{f.unit} in 1 h</span></li>; })}</ul>
            <p className="label">Given: {ml(n(t.report.day_nl))} mL in the last 24 h, {ml(n(t.report.hour_nl))} mL in the last hour.</p>
          </section>
          <section className={css.section} aria-labelledby="rest-h">
            <h2 id="rest-h">Alarm settings</h2>
            <p>Low reservoir at {exact(n(settings.low_nl), 1_000_000n)}<span className="unit">mL</span></p>
            <p className="label">Patient {t.patient ?? 'not bound'}{t.patient_groups.length > 0 && <> · {t.patient_groups.map((g) => groupWord[g] ?? g).join(', ')}</>} · epoch {t.report.state.epoch}, state {t.report.state.gen} · firmware {firmware}</p>
            <p className="label">state <code title={t.state_hash}>{t.state_hash.slice(0, 16)}</code>{!t.report.trusted && <> · <strong>its clock is not trusted</strong></>}</p>
          </section>
        </div>
      </div>
    </>
  );
}
