import { Suspense } from 'react';
import type { Contents, DoseProgram, DrugLimit, LibraryContent } from '../api/orders';
import { Check } from '../ui/Check';
import { Choice, Line } from '../ui/Field';
import { part } from '../ui/part';
import { Ghost } from '../ui/states';
import { dose, drugOf, mass, meanDay, n, primaryOf } from './amounts';
import type { Draft, Made } from './draft';
import css from './orders.module.css';
import { unit } from './fields';

// Come when a dose is not the same all day.
const FlexEditor = part(() => import('./FlexEditor').then((m) => ({ default: m.FlexEditor })));
const WeekEditor = part(() => import('./WeekEditor').then((m) => ({ default: m.WeekEditor })));

interface Props {
  readonly d: Draft;
  readonly made: Made;
  readonly set: (part: Partial<Draft>) => void;
  readonly err: (name: string) => string | undefined;
  readonly lib: LibraryContent;
  /** The program that the pump has, running or kept, and what it is of; null if it has none. */
  readonly old: { program: DoseProgram; contents: Contents } | null;
  /** What the pump does: 1 infuses, 2 keeps its tubing open, 3 stands. */
  readonly run: number;
  readonly limit: DrugLimit | null;
}

/** What a dose is measured by: what runs now, or what the pump has kept and does not give. */
function ranText(day: string | null, run: number): string {
  if (day === null) return 'nothing of it runs now';
  return run === 1 ? `now ${day}` : `kept: ${day}; ${run === 2 ? 'only the minimum rate' : 'nothing of it'} runs now`;
}

/** A program as clinicians write it: a dose of the leading ingredient over the day or the week, and what the patient may take. */
export function ProgramFields({ d, made, set, err, lib, old, run, limit }: Props) {
  const { contents } = made;
  const code = primaryOf(contents);
  const f = drugOf(lib, code);
  const conc = n(contents.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const before = old ? mass(meanDay(old.program), n(old.contents.ingredients.find((i) => i.code === code)?.conc_ng_ml)) : 0n;
  return (
    <section className={css.section} aria-labelledby="dose-h">
      <h2 id="dose-h">{f.name}{contents.ingredients.length > 1 && ', and with it everything else in the reservoir'}</h2>
      <fieldset className={css.buttons} style={{ border: 0, padding: 0, margin: 0 }}>
        <legend className="sr-only">How it is spread over the day</legend>
        <Choice aria-label="How it is spread over the day" value={d.spread} onChoose={(spread) => set({ spread })} data={[{ value: 'flat', label: 'The same rate all day' }, { value: 'day', label: 'Different rates over the day' }, { value: 'week', label: 'A day of its own for each weekday' }]} />
        {old && old.program.segments.length > 0 && !['continuous', 'flex_day', 'flex_week'].includes(old.program.mode) && <span className="label">It runs another mode now; this replaces it.</span>}
      </fieldset>
      <Suspense fallback={<Ghost width="100%" height={160} />}>
        {d.spread === 'week' && <WeekEditor week={d.week} program={made.program} set={set} facts={f} conc={conc} err={err} />}
        {d.spread === 'day' && <FlexEditor all={d.stretches} onChange={(stretches) => set({ stretches })} segments={made.program?.segments ?? null} facts={f} conc={conc} err={err} />}
      </Suspense>
      {d.spread === 'flat' && <div className={css.fields}><Line label={`${f.name} a day`} description={ranText(before > 0n ? `${dose(f, before)} ${f.unit}/day` : null, run)} value={d.day} onText={(day) => set({ day })} error={err('day')} {...unit(`${f.unit}/day`)} /></div>}
      <Check checked={d.ptm} onChange={(e) => set({ ptm: e.currentTarget.checked })} label="The patient may take boluses" disabled={limit?.no_ptm && !d.ptm} />
      {d.ptm && (
        <div className={css.fields}>
          <Line label={`${f.name} in one`} value={d.ptmDose} onText={(ptmDose) => set({ ptmDose })} error={err('ptmDose')} {...unit(f.unit)} />
          <Line label="Given over" value={d.ptmMinutes} onText={(ptmMinutes) => set({ ptmMinutes })} error={err('ptmMinutes')} {...unit('min')} />
          <Line label="Lockout" value={d.ptmLockout} onText={(ptmLockout) => set({ ptmLockout })} error={err('ptmLockout')} {...unit('min')} />
          <Line label="At most in 24 h" value={d.ptmMax} onText={(ptmMax) => set({ ptmMax })} error={err('ptmMax')} {...unit('boluses')} />
        </div>
      )}
    </section>
  );
}
