import { Suspense } from 'react';
import type { Contents, DoseProgram, LibraryContent } from '../api/orders';
import { changeText, dose, drugOf, mass, meanDay, ml, mostMass, n } from './amounts';
import { part } from '../ui/part';
import { Ghost } from '../ui/states';
import css from './orders.module.css';

// Come when something is given each day, the week's when its days differ.
const WeekCurves = part(() => import('./WeekCurves').then((m) => ({ default: m.WeekCurves })));
const Curve = part(() => import('./Curve').then((m) => ({ default: m.Curve })));

/** The totals of a day that is asked for, beside what runs, and its curve. run: what the pump does, 1 infuses, 2 keeps its tubing open, 3 stands. */
export function DayTotals({ program, contents, run, running, old, volume, lib }: { program: DoseProgram | null; contents: Contents; run: number; running: DoseProgram; old: Contents; volume: bigint; lib: LibraryContent }) {
  if (!program || contents.ingredients.length === 0) return null;
  const concOf = (c: Contents, code: number) => n(c.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const gone = old.ingredients.filter((i) => !contents.ingredients.some((x) => x.code === i.code));
  // What keeps the tubing open is no dose that somebody set, and not nothing either.
  const idles = run === 2 || (run === 1 && running.mode === 'minimum');
  const none = (code: number) => (idles && concOf(old, code) > 0n ? 'only the minimum rate now' : 'none now');
  return (
    <>
      <dl className={css.totals}>
        {contents.ingredients.map((i) => {
          const g = drugOf(lib, i.code);
          const a = mass(meanDay(running), concOf(old, i.code));
          const b = mass(meanDay(program), n(i.conc_ng_ml));
          return <div key={i.code}><dt className="label">{g.name} a day</dt><dd>{dose(g, b)}<small>{g.unit}</small></dd><dd className="label">{a > 0n ? `${dose(g, a)} now, ${changeText(a, b)}` : none(i.code)}</dd></div>;
        })}
        {gone.map((i) => { const g = drugOf(lib, i.code); const a = mass(meanDay(running), n(i.conc_ng_ml)); return <div key={`g${i.code}`}><dt className="label">{g.name} a day</dt><dd>none</dd><dd className="label">{a > 0n ? `${dose(g, a)} ${g.unit} now` : none(i.code)}</dd></div>; })}
        {contents.ingredients.map((i) => { const g = drugOf(lib, i.code); return <div key={`m${i.code}`}><dt className="label">{g.name}, with every patient bolus</dt><dd>{dose(g, mostMass(program, n(i.conc_ng_ml)))}<small>{g.unit}</small></dd></div>; })}
        <div><dt className="label">Volume a day</dt><dd>{ml(meanDay(program))}<small>mL</small></dd><dd className="label">{ml(volume, 2)} mL in the reservoir now</dd></div>
      </dl>
      <Suspense fallback={<Ghost width="100%" height={160} />}>
        {program.mode === 'flex_week' ? <WeekCurves now={program} was={running} contents={contents} wasContents={old} lib={lib} /> : <Curve now={program} was={running} name="Rate over the day" />}
      </Suspense>
    </>
  );
}
