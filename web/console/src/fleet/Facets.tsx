import { Suspense } from 'react';
import type { ReactNode } from 'react';
import { Button } from '../ui/Button';
import { AlarmMark, presenceWord, PresenceMark, RunMark, runWord } from '../ui/Mark';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { Pop } from '../ui/Pop';
import css from './Fleet.module.css';
import { alarmFacets, type FacetCounts, type FacetName, facetNames, type FleetSearch, presences, runFacets } from './search';
import { natural } from './natural';

export interface FacetProps {
  search: FleetSearch;
  counts: FacetCounts;
  current: boolean;
  siteName: (id: string) => string;
  onChange: (change: Partial<FleetSearch>) => void;
}

const Choices = part(() => import('./FacetChoices').then((m) => ({ default: m.Choices })));

export const titles: Record<FacetName, string> = { site: 'Site', presence: 'Presence', alarms: 'Alarms', model: 'Model', run: 'State' };

interface Option {
  value: string;
  text: string;
  label: ReactNode;
}

export function options({ search, counts, siteName }: FacetProps, facet: FacetName): Option[] {
  switch (facet) {
    case 'presence': return presences.map((p) => ({ value: p, text: presenceWord[p], label: <span className={css.pair}><PresenceMark presence={p} />{presenceWord[p]}</span> }));
    case 'alarms': return alarmFacets.map((a) => ({ value: a, text: a === 'none' ? 'None' : a, label: a === 'none' ? 'No alarm' : <AlarmMark priority={a} quiet /> }));
    case 'run': return runFacets.map((r) => ({ value: r, text: r === 'unknown' ? 'Not known' : runWord[r], label: r === 'unknown' ? 'Not known' : <RunMark run={r} /> }));
    case 'site':
    case 'model': {
      const name = facet === 'site' ? siteName : (v: string) => v;
      const all = new Set([...counts[facet].keys(), ...(search[facet] ?? [])]);
      return [...all].map((v) => ({ value: v, text: name(v), label: name(v) })).toSorted((a, b) => natural(a.text, b.text));
    }
  }
}

/** The facets as a row of buttons that say what they hold back. */
export function FacetBar(props: FacetProps) {
  return (
    <>
      {facetNames.map((facet) => {
        const chosen = new Set<string>(props.search[facet]);
        const names = chosen.size === 0 ? [] : options(props, facet).filter((o) => chosen.has(o.value)).map((o) => o.text);
        return (
          <Pop
            key={facet} name={`Filter by ${titles[facet].toLowerCase()}`} side="start"
            opener={
              <button type="button" className={css.facet} data-on={names.length > 0 || undefined}>
                {titles[facet]}
                {names.length > 0 && <span className={css.facetValue}>{names.length > 2 ? `${names.length} chosen` : names.join(', ')}</span>}
                <Icon name="down" size={12} />
              </button>
            }
          >
            <Suspense><Choices {...props} facet={facet} /></Suspense>
            {names.length > 0 && <Button variant="subtle" size="compact-sm" onClick={() => props.onChange({ [facet]: undefined })}>Clear</Button>}
          </Pop>
        );
      })}
    </>
  );
}
