import type { Ref } from 'react';
import { partOf, type Draft } from './draft';
import { fieldName } from './diff';
import css from './library.module.css';

const own: Record<string, string> = { note: 'What changes and why', 'library.name': 'Name of the version', 'library.drugs': 'The drugs', library: 'The library', group: 'Group', route: 'Route', code: 'Number', codes: 'Drugs', limits: 'Limits', source: 'Source', worth: 'Worth of the source' };

function nameOf(place: string, draft: Draft): string {
  const p = partOf(place);
  const last = place.replace(/\[\d+\]$/, '').split('.').pop() ?? place;
  const field = own[place] ?? own[last] ?? fieldName(last);
  if (!p) return field;
  const limit = /limits\[(\d+)\]/.exec(place);
  const x = p.part === 'drugs' && limit ? draft.drugs[p.index]?.limits[Number(limit[1])] : undefined;
  const whose = p.part === 'drugs' ? draft.drugs[p.index]?.name || 'New drug' : `Mixture ${p.index + 1}`;
  return [whose, x && `${x.group.replace('_', '-')} ${x.route}`, field].filter(Boolean).join(', ');
}

/** Everything that is to be mended, in one place that takes the focus; each leads to its field. */
export function ErrorSummary({ of, problem, draft, onGo, ref }: { of: ReadonlyMap<string, string>; problem: string | null; draft: Draft; onGo: (place: string) => void; ref: Ref<HTMLDivElement> }) {
  return (
    <div ref={ref} tabIndex={-1} role="alert" className={of.size > 0 || problem ? css.errors : undefined}>
      {problem && <p>{problem}</p>}
      {of.size > 0 && <><p><strong>{of.size === 1 ? 'One thing is' : `${of.size} things are`} to be mended before it can be saved.</strong></p><ul>{[...of].map(([place, text]) => <li key={place}><button type="button" className="link" onClick={() => onGo(place)}>{nameOf(place, draft)}</button>: {text}</li>)}</ul></>}
    </div>
  );
}
