import { useId } from 'react';
import type { LibraryContent, Rehearsal } from '../api/orders';
import { forDrawing, parseDigits } from '../units/quantity';
import { duration, stamp } from '../units/time';
import { dose, drugOf, ml, n } from './amounts';
import css from './orders.module.css';

const W = 640;
const H = 96;
const WEEK = 604_800n;
const week = [0, 1, 2, 3, 4, 5, 6, 7];

/** Seven days of the exact bytes, as the pump's own machine ran them: what is delivered, and what with every patient bolus. */
export function Rehearsed({ of: r, lib, title = 'Seven days, rehearsed' }: { of: Rehearsal; lib: LibraryContent | null; title?: string }) {
  const id = useId();
  if (r.curve.length === 0) return r.refused ? <p className={css.note}>{title}: nothing to rehearse: {r.refused}.</p> : null;
  const top = r.curve.reduce((m, p) => (n(p.most_nl) > m ? n(p.most_nl) : m), 1n);
  const x = (s: string) => (Number(n(s) > WEEK ? WEEK : n(s)) / Number(WEEK)) * W;
  const y = (v: string) => H - ((forDrawing(v) ?? 0) / (forDrawing(top) || 1)) * H;
  const line = (pick: (p: Rehearsal['curve'][number]) => string) => r.curve.map((p, i) => `${i === 0 ? 'M' : 'L'}${x(p.at_s)} ${y(pick(p))}`).join('');
  const days = r.days.map((d, i) => ({ day: i + 1, d }));
  const codes = r.days[0]?.doses.map((d) => d.code) ?? [];
  const reached = (s: string | undefined, what: string) => (parseDigits(s) !== null && n(s) >= 0n && n(s) < WEEK ? <li><strong>{what} after {duration(Number(s))}</strong> with every patient bolus.</li> : null);
  return (
    <section aria-labelledby={id} className={css.section}>
      <h2 id={id}>{title}</h2>
      <p className="label">Exactly these bytes, run by the machine that runs in the pump.</p>
      {r.refused && <p className={css.note}>The pump would refuse it: {r.refused}. This is what would happen without that limit.</p>}
      <svg className={`${css.curve} ${css.tall}`} viewBox={`0 -6 ${W} ${H + 7}`} preserveAspectRatio="none" aria-hidden focusable="false">
        {week.map((d) => <path key={d} className={css.hour} d={`M${(d / 7) * W} 0V${H}`} />)}
        <path className={css.base} d={`M0 ${H}H${W}`} />
        <path className={css.was} d={line((p) => p.most_nl)} />
        <path className={css.now} d={line((p) => p.volume_nl)} />
      </svg>
      <p className={css.ticks} aria-hidden>{week.map((d) => <span key={d} style={{ left: `${(d / 7) * 100}%` }} data-end={d === 0 ? 'first' : d === 7 ? 'last' : undefined}>{d === 0 ? 'now' : `${d} d`}</span>)}</p>
      <p className={`label ${css.legend}`}><span>— delivered in all</span><span>- - with every patient bolus</span></p>
      <p className="label">Boluses are the patient’s, as many as the pump would give.</p>
      <div className={css.wrap} role="region" aria-label={`Days of the rehearsal: ${title}`} tabIndex={0}>
        <table className={css.compare}>
          <thead><tr><th scope="col">Day</th>{codes.map((c) => <th key={c} scope="col" className={css.num}>{drugOf(lib, c).name}</th>)}<th scope="col" className={css.num}>Volume</th><th scope="col" className={css.num}>Boluses</th></tr></thead>
          <tbody>
            {days.map(({ day, d }) => (
              <tr key={day}>
                <th scope="row">{day}</th>
                {d.doses.map((t) => { const f = drugOf(lib, t.code); return <td key={t.code} data-name={f.name} className={css.num}>{dose(f, n(t.given_ng))}<span className="unit">{f.unit}</span>{t.most_ng !== t.given_ng && <span className={`label ${css.under}`}>at most {dose(f, n(t.most_ng))}</span>}</td>; })}
                <td data-name="Volume" className={css.num}>{ml(n(d.volume_nl))}<span className="unit">mL</span></td>
                <td data-name="Patient boluses, at most" className={css.num}>{d.presses}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul>{reached(r.low_at_s, 'Low-reservoir alarm')}{reached(r.empty_at_s, 'Empty')}{r.keeps && <Keeps of={r.keeps} />}<li className="label">Left after seven days, with every patient bolus: {ml(n(r.volume_nl))} mL.</li></ul>
    </section>
  );
}

const DAY = 86_400;
/** Whole days from two on: what keeps for months is told by the day. */
const span = (s: number) => duration(s < 2 * DAY ? s : s - (s % DAY));

/** When the contents of the reservoir stop being stable, by the drug library: within the seven days or beyond. No pump alarms for it. */
function Keeps({ of: k }: { of: NonNullable<Rehearsal['keeps']> }) {
  const lasts = Number(k.lasts_s);
  const filled = k.filled_at === undefined ? null : stamp(k.filled_at * 1000);
  if (lasts === 0) return <li><strong>How long the contents stay stable is not known</strong> to the drug library. {filled ? `They were filled in on ${filled}.` : 'When they were filled in is not known here.'}</li>;
  if (k.filled_at === undefined || k.left_s === undefined) return <li><strong>When the stability of the contents ends is not known:</strong> they stay stable for {span(lasts)} from their filling, and when that was is not known here.</li>;
  const left = Number(k.left_s);
  const ends = stamp((k.filled_at + lasts) * 1000);
  if (left === lasts) return <li className="label">The stability of the contents ends {span(lasts)} after this filling: on {ends} if it takes effect now.</li>;
  const since = `They were filled in on ${filled} and stay stable for ${span(lasts)}.`;
  if (left === 0) return <li><strong>The stability of the contents ended on {ends}.</strong> {since}</li>;
  if (left < Number(WEEK)) return <li><strong>The stability of the contents ends on {ends}, in {span(left)}.</strong> {since}</li>;
  return <li className="label">The stability of the contents ends on {ends}, in {span(left)}. {since}</li>;
}
