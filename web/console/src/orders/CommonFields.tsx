import { Textarea } from '@mantine/core';
import type { DrugLimit, LibraryContent, Preview } from '../api/orders';
import { Line } from '../ui/Field';
import { changeText, dose, type DrugFacts, drugOf, n, plainDose, slip } from './amounts';
import type { Draft } from './draft';
import { unit } from './fields';
import { type Change, confirmBy, type Figure } from './large';
import css from './orders.module.css';
import { severityWord } from './words';

interface Set { readonly d: Draft; readonly set: (part: Partial<Draft>) => void }

/** Reasons for going past soft limits, asked for when the check says that one stands in the way. */
export function SoftFields({ d, set, preview }: Set & { preview: Preview | null }) {
  const soft = (preview?.finding.refusals ?? []).filter((r) => r.detail.includes('soft'));
  const wantsDay = soft.some((r) => !r.detail.includes('step')) || d.softLimit !== '';
  const wantsStep = soft.some((r) => r.detail.includes('step')) || d.softStep !== '';
  if (!wantsDay && !wantsStep) return null;
  return (
    <section className={css.section} aria-labelledby="soft-h">
      <h2 id="soft-h">Past a soft limit</h2>
      <p className="label">With a reason it can be ordered; everybody who signs sees it. Hard limits are never passed.</p>
      <div className={css.fields}>
        {wantsDay && <Line label="Why past the soft limit of a day or bolus" value={d.softLimit} onText={(softLimit) => set({ softLimit })} maxLength={200} />}
        {wantsStep && <Line label="Why a step past the soft step limit; a third person signs" value={d.softStep} onText={(softStep) => set({ softStep })} maxLength={200} />}
      </div>
    </section>
  );
}

/** Why, and for how many days at most; life is null where the kind of order decides. */
export function ReasonFields({ d, set, err, life }: Set & { err: (name: string) => string | undefined; life: number | null }) {
  return (
    <section className={css.section} aria-labelledby="why-h">
      <h2 id="why-h">Why{life !== null && ', and for how long'}</h2>
      <Textarea label="Reason" value={d.reason} onChange={(e) => set({ reason: e.currentTarget.value })} rows={2} maxLength={200} error={err('reason')} />
      {life !== null && <div className={css.fields}><Line label="Expires after" description={`at most ${life} days`} value={d.life} onText={(text) => set({ life: text })} error={err('life')} {...unit('days')} /></div>}
    </section>
  );
}

const figureWord: Record<Figure, string> = { day: 'a day', worst: 'on the worst day, with every patient bolus', ptm: 'in a patient bolus', bolus: 'in one bolus, beside a patient bolus' };

/** Large changes, the largest of which is confirmed by typing its factor. ran: the pump stands, so that this is beside the program that it has kept. */
export function Large({ all, lib, ran, typed, onTyped, wrong }: { all: readonly Change[]; lib: LibraryContent; ran: boolean; typed: string; onTyped: (t: string) => void; wrong: boolean }) {
  const [c, ...others] = all;
  if (!c) return null;
  const f = drugOf(lib, c.code);
  const { before, after } = c;
  const factor = confirmBy(c);
  const tenfold = slip(before, after);
  const title = before === 0n ? `${f.name} is new` : after === 0n ? `${f.name} ends` : tenfold === 10 ? 'Ten times as much?' : tenfold === -10 ? 'A tenth of it?' : 'More than a quarter';
  const amount = (x: Change, ng: bigint) => { const g = drugOf(lib, x.code); return ng === 0n ? 'none' : `${dose(g, ng)} ${g.unit}`; };
  return (
    <section className={css.panel} aria-labelledby="large-h">
      <h2 id="large-h">{title}</h2>
      <p>{f.name} goes from <strong>{amount(c, before)}</strong> to <strong>{amount(c, after)}</strong> {figureWord[c.figure]}{before > 0n && after > 0n && <>: <strong>{factor} times</strong> what {ran ? 'the pump’s kept program gives' : 'runs now'} ({changeText(before, after)})</>}.{tenfold !== 0 && <> A slipped decimal point looks like this.</>}{after < before && <> Abrupt decrease: {severityWord[f.entry?.withdrawal ?? 'none']}.</>}</p>
      {others.length > 0 && <ul className="label" aria-label="Other large changes">{others.map((x) => <li key={`${x.code} ${x.figure}`}>{drugOf(lib, x.code).name} from {amount(x, x.before)} to {amount(x, x.after)} {figureWord[x.figure]}, {changeText(x.before, x.after)}</li>)}</ul>}
      <Line label={before > 0n && after > 0n ? `Type ${factor} to confirm ${factor} times` : `Type ${factor} to confirm that ${f.name} ${before === 0n ? 'is new' : 'ends'}`} value={typed} onText={onTyped} onPaste={(e) => e.preventDefault()} error={wrong ? `Type ${factor}, or change the dose.` : undefined} style={{ maxWidth: 320 }} />
    </section>
  );
}

export function LimitLine({ f, limit, lib }: { f: DrugFacts; limit: DrugLimit; lib: LibraryContent }) {
  const amount = (ng: string | undefined) => `${plainDose(f, n(ng))} ${f.unit}`;
  const percent = (p: number | undefined) => (p ? `${p % 10 === 0 ? p / 10 : `${Math.floor(p / 10)}.${p % 10}`} %` : null);
  const steps = [[percent(limit.soft_step_permille), n(limit.soft_step_ng) > 0n ? amount(limit.soft_step_ng) : null].filter(Boolean).join(' or '), [percent(limit.hard_step_permille), n(limit.hard_step_ng) > 0n ? amount(limit.hard_step_ng) : null].filter(Boolean).join(' or ')];
  return (
    <p className="label">
      {f.name}: hard <strong>{amount(limit.hard_day_ng)} in 24 h</strong>, {amount(limit.hard_hour_ng)} in 1 h{n(limit.soft_day_ng) > 0n && <>; soft {amount(limit.soft_day_ng)} in 24 h</>}{steps[0] && <>; a step of more than {steps[0]} needs a reason and a third person</>}{steps[1] && <>; of more than {steps[1]} is refused</>}. {limit.no_ptm && 'No patient boluses. '}Counted with every patient bolus. {lib.name}, version {lib.version}.
    </p>
  );
}
