import { Suspense } from 'react';
import type { LibraryContent } from '../api/orders';
import css from './orders.module.css';
import { Notices } from './Notices';
import type { JudgedWish } from './useJudged';
import { plannedTitle, sameTitle } from './words';
import { part } from '../ui/part';
import { Ghost } from '../ui/states';
import { Why } from '../ui/Why';

const BridgeShown = part(() => import('./PlanShown').then((m) => ({ default: m.BridgeShown })));
const Rehearsed = part(() => import('./Rehearsed').then((m) => ({ default: m.Rehearsed })));

/** What the pump would say, with what to do about each refusal, and seven days of the exact bytes. */
export function Judged({ judged: { preview, waiting, asked, error }, lib }: { judged: JudgedWish; lib: LibraryContent }) {
  return (
    <>
      <section className={css.section} aria-labelledby="pump-says" aria-busy={waiting}>
        <h2 id="pump-says">What the pump would say</h2>
        {!asked && <p className="label">As soon as the entries are complete.</p>}
        {waiting && <p className="label">Checking…</p>}
        {error !== null && error !== undefined && <p className={css.note}><Why error={error} /></p>}
        {preview && !error && preview.finding.refusals.length === 0 && <p><strong>It would take it.</strong> {preview.finding.people === 1 ? 'One person signs' : `${preview.finding.people} people sign`}{preview.finding.increase && <>; somebody gets more of something</>}.</p>}
        {preview && !error && <Notices all={preview.finding.notices} />}
        {preview && !error && preview.finding.refusals.length > 0 && <ul className={css.refusals} aria-label="Refusals">{preview.finding.refusals.map((r) => <li key={r.code + r.detail}><p><code>{r.code}</code> {r.detail}</p><p className="label">{r.remedy}</p></li>)}</ul>}
      </section>
      {preview?.bridge && !error && <section className={css.section} aria-labelledby="left-h"><h2 id="left-h">Other fluid stands in the path</h2><p className="label">The order brings a bridge for what is left of it. The pump ends it when the old fluid has gone.</p><Suspense fallback={<Ghost width="100%" height={160} />}><BridgeShown b={preview.bridge} lib={lib} name="The rest of it" /></Suspense></section>}
      {preview && !error && <Suspense fallback={<Ghost width="100%" height={400} />}><Rehearsed of={preview.rehearsal} lib={lib} {...(preview.rehearsal_same ? { title: plannedTitle } : {})} />{preview.rehearsal_same && <Rehearsed of={preview.rehearsal_same} lib={lib} title={sameTitle} />}</Suspense>}
    </>
  );
}
