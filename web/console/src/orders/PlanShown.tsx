import type { Bridging, LibraryContent, PathFigures, RefillPlan } from '../api/orders';
import { duration } from '../units/time';
import { concText, dose, drugOf, ml, n, plainDose } from './amounts';
import css from './orders.module.css';

const cm = (mm: number) => `${Math.floor(mm / 10)}.${mm % 10} cm`;

/** Tubing and catheter, as multiplied out by the server. */
export function PathLine({ path: p }: { path: PathFigures }) {
  if (p.catheter_mm === 0) return <p className={css.note}>The implanted length of the catheter is not on record, so the way to its tip cannot be computed. Note it on the pump’s page, or enter it here.</p>;
  return (
    <p>
      Tubing {ml(n(p.tubing_nl))} mL + {cm(p.catheter_mm)} of catheter × {ml(n(p.catheter_nl_cm), 4)} mL/cm = {ml(n(p.tubing_nl))} mL + {ml(n(p.catheter_nl), 4)} mL = <strong>{ml(n(p.path_nl), 4)} mL</strong> from the reservoir to the catheter’s tip.
    </p>
  );
}

/** What the server computed of a refill, step by step, so that a second person can follow it with a pencil. */
export function PlanShown({ plan, lib }: { plan: RefillPlan; lib: LibraryContent }) {
  const { bounds, planned } = plan.visit;
  return (
    <section className={css.section} aria-labelledby="plan-h">
      <h2 id="plan-h">Computed from it</h2>
      <PathLine path={plan.path} />
      {planned.prime && <p><strong>Priming:</strong> {ml(n(planned.prime.volume_nl), 4)} mL over {duration(Number(planned.prime.duration_s))}. It fills the way and is counted as no dose; drug can still arrive before its end, so watch the patient.</p>}
      {plan.bridge && <BridgeShown b={plan.bridge} lib={lib} name="Bridge" />}
      {!plan.bridge && plan.old && (JSON.stringify(plan.old) === JSON.stringify(planned.contents) ? <p>What is filled in is what is in the pump: no bridge.</p> : <p><strong>No bridge:</strong> the priming pushes the old fluid out of the path. What a full catheter holds of it reaches the patient within minutes.</p>)}
      {plan.bridge && (plan.unbridged ?? []).map((u, i) => { const f = drugOf(lib, u.code); return <p key={`${u.code} ${u.per_day_ng} ${u.for_s}`} className={css.note}><strong>{i === 0 ? 'Without a bridge' : 'And then'}</strong> the patient would get {dose(f, n(u.per_day_ng))} {f.unit} of {f.name} a day for {duration(Number(u.for_s))}.</p>; })}
      {plan.mixed && (
        <p>Not rinsed, {ml(n(plan.left_nl), 1)} mL that no needle reaches stay and mix: {plan.mixed.ingredients.map((i) => { const f = drugOf(lib, i.code); return `${f.name} ${concText(f, n(i.conc_ng_ml))} ${f.unit}/mL`; }).join(', ')}.</p>
      )}
      <p><strong>As planned</strong> only if {ml(n(bounds.aspirated_min_nl))} to {ml(n(bounds.aspirated_max_nl))} mL are aspirated and {ml(n(bounds.filled_min_nl))} to {ml(n(bounds.filled_max_nl))} mL filled: within {ml(n(plan.tolerance_nl))} mL of what is expected. Otherwise only the same dose as now is released{plan.same_is_old ? ', which needs the old fluid again: have it ready' : plan.same_bridge ? `, over a bridge of ${duration(Number(plan.same_bridge.dose.duration_s))}` : ''}.</p>
    </section>
  );
}

/** A bridge: how long the old fluid takes to leave at the dose that is wanted meanwhile. */
export function BridgeShown({ b, lib, name }: { b: Bridging; lib: LibraryContent; name: string }) {
  const f = drugOf(lib, b.code);
  // Of several old fluids the one that decides, whose target it is.
  const line = b.lines.find((l) => l.code === b.code && l.alone_s === b.dose.duration_s) ?? b.lines.find((l) => l.code === b.code)!;
  return (
    <div data-bridge={b.dose.duration_s}>
      <p>
        <strong>{name}:</strong> {ml(n(b.dose.volume_nl), 4)} mL of old fluid × {concText(f, n(line.conc_ng_ml))} {f.unit}/mL = {plainDose(f, n(line.amount_ng))} {f.unit} of {f.name}; at {dose(f, n(b.target_ng))} {f.unit}/day they take <strong>{duration(Number(b.dose.duration_s))}</strong>, at {ml(n(b.day_nl))} mL a day.
        {b.lines.length > 1 && <> {f.name} takes longest of all, so nobody passes a dose while it runs.</>}
      </p>
      <div className={css.wrap} role="region" aria-label={`${name}, per ingredient of the old fluid`} tabIndex={0}>
        <table className={css.compare}>
          <thead><tr><th scope="col">Old fluid</th><th scope="col" className={css.num}>In the path</th><th scope="col" className={css.num}>A day now</th><th scope="col" className={css.num}>A day after</th><th scope="col" className={css.num}>Not to be passed</th><th scope="col" className={css.num}>Alone it takes</th><th scope="col" className={css.num}>A day meanwhile</th></tr></thead>
          <tbody>
            {b.lines.map((l) => {
              const g = drugOf(lib, l.code);
              const cell = (title: string, ng: string) => <td data-name={title} className={css.num}>{n(ng) > 0n ? <>{dose(g, n(ng))}<span className="unit">{g.unit}</span></> : '–'}</td>;
              return (
                <tr key={`${l.code} ${l.conc_ng_ml}`}>
                  <th scope="row">{g.name} <span className="label">{concText(g, n(l.conc_ng_ml))} {g.unit}/mL</span></th>
                  {cell('In the path', l.amount_ng)}{cell('A day now', l.before_ng)}{cell('A day after', l.after_ng)}{cell('Not to be passed', l.target_ng)}
                  <td data-name="Alone it takes" className={css.num}>{n(l.alone_s) > 0n ? duration(Number(l.alone_s)) : '–'}</td>
                  {cell('A day meanwhile', l.per_day_ng)}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </div>
  );
}
