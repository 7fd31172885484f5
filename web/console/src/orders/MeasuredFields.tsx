import type { VisitPart } from '../api/orders';
import { Choice, Line } from '../ui/Field';
import { ml, n, readDose } from './amounts';
import { unit } from './fields';
import css from './orders.module.css';

/** What was measured at a visit, as typed. */
export interface Measured { branch: 'planned' | 'same'; aspirated: string; filled: string }

type Read = { nl: { aspirated: string; filled: string } } | { wrong: Record<string, string> };

export function readMeasured(m: Measured): Read {
  const a = readDose(m.aspirated, { unit: 'mg', decimals: 3 });
  const f = readDose(m.filled, { unit: 'mg', decimals: 3 });
  const wrong: Record<string, string> = {};
  if ('wrong' in a) wrong.aspirated = a.wrong;
  if ('wrong' in f) wrong.filled = f.wrong;
  else if (f.ng === 0n) wrong.filled = 'More than zero.';
  return 'ng' in a && 'ng' in f && Object.keys(wrong).length === 0 ? { nl: { aspirated: a.ng.toString(), filled: f.ng.toString() } } : { wrong };
}

/** The volumes that a release of a visit states, and the branch that they allow. */
export function MeasuredFields({ visit, value: m, onChange, wrong }: { visit: VisitPart; value: Measured; onChange: (m: Measured) => void; wrong: Record<string, string> }) {
  const b = visit.bounds;
  const r = readMeasured(m);
  const out = 'nl' in r && (n(r.nl.aspirated) < n(b.aspirated_min_nl) || n(r.nl.aspirated) > n(b.aspirated_max_nl) || n(r.nl.filled) < n(b.filled_min_nl) || n(r.nl.filled) > n(b.filled_max_nl));
  return (
    <fieldset style={{ border: 0, padding: 0, margin: 0, display: 'grid', gap: 12 }}>
      <legend className="label">What was measured</legend>
      <div className={css.fields}>
        <Line label="Aspirated" description={`planned ${ml(n(b.aspirated_min_nl))} to ${ml(n(b.aspirated_max_nl))} mL`} value={m.aspirated} onText={(aspirated) => onChange({ ...m, aspirated })} error={wrong.aspirated} {...unit('mL')} />
        <Line label="Filled in" description={`planned ${ml(n(b.filled_min_nl))} to ${ml(n(b.filled_max_nl))} mL`} value={m.filled} onText={(filled) => onChange({ ...m, filled })} error={wrong.filled} {...unit('mL')} />
        <Choice label="What is released" value={m.branch} onChoose={(branch) => onChange({ ...m, branch })} data={[{ value: 'planned', label: 'As planned' }, { value: 'same', label: 'The same dose as now' }]} />
      </div>
      {out && m.branch === 'planned' && <p role="alert" className={css.note}><strong>Outside of what was planned.</strong> Look for the cause first. Only the same dose can be released.</p>}
    </fieldset>
  );
}
