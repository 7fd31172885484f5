import { Button, Checkbox, Popover } from '@mantine/core';
import type { ReactNode } from 'react';
import { AlarmMark, presenceWord, PresenceMark, RunMark, runWord } from '../ui/Mark';
import { Icon } from '../ui/Icon';
import css from './Fleet.module.css';
import { alarmFacets, type FacetCounts, type FacetName, facetNames, type FleetSearch, presences, runFacets } from './search';

interface Props {
  search: FleetSearch;
  counts: FacetCounts;
  current: boolean;
  siteName: (id: string) => string;
  onChange: (change: Partial<FleetSearch>) => void;
}

const titles: Record<FacetName, string> = { site: 'Site', presence: 'Presence', alarms: 'Alarms', model: 'Model', run: 'State' };

interface Option {
  value: string;
  text: string;
  label: ReactNode;
}

function options({ search, counts, siteName }: Props, facet: FacetName): Option[] {
  switch (facet) {
    case 'presence': return presences.map((p) => ({ value: p, text: presenceWord[p], label: <span className={css.pair}><PresenceMark presence={p} />{presenceWord[p]}</span> }));
    case 'alarms': return alarmFacets.map((a) => ({ value: a, text: a === 'none' ? 'None' : a, label: a === 'none' ? 'No alarm' : <AlarmMark priority={a} quiet /> }));
    case 'run': return runFacets.map((r) => ({ value: r, text: r === 'unknown' ? 'Not known' : runWord[r], label: r === 'unknown' ? 'Not known' : <RunMark run={r} /> }));
    case 'site':
    case 'model': {
      const name = facet === 'site' ? siteName : (v: string) => v;
      const all = new Set([...counts[facet].keys(), ...(search[facet] ?? [])]);
      return [...all].map((v) => ({ value: v, text: name(v), label: name(v) })).toSorted((a, b) => a.text.localeCompare(b.text, 'en', { numeric: true }));
    }
  }
}

/** The choices of one facet with what each would show. */
function Choices(props: Props & { facet: FacetName }) {
  const { search, counts, current, facet, onChange } = props;
  const chosen = new Set<string>(search[facet]);
  const toggle = (value: string) => {
    const next = new Set(chosen);
    if (!next.delete(value)) next.add(value);
    onChange({ [facet]: next.size > 0 ? [...next] : undefined });
  };
  return (
    <fieldset className={css.choices}>
      <legend className="label">{titles[facet]}</legend>
      {options(props, facet).map((o) => (
        <div key={o.value} className={css.choice}>
          <Checkbox checked={chosen.has(o.value)} onChange={() => toggle(o.value)} label={o.label} />
          <span className={css.count}>{current ? counts[facet].get(o.value) ?? 0 : '–'}</span>
        </div>
      ))}
    </fieldset>
  );
}

/** The facets as a row of buttons that say what they hold back. */
export function FacetBar(props: Props) {
  return (
    <>
      {facetNames.map((facet) => {
        const chosen = new Set<string>(props.search[facet]);
        const names = chosen.size === 0 ? [] : options(props, facet).filter((o) => chosen.has(o.value)).map((o) => o.text);
        return (
          <Popover key={facet} position="bottom-start" offset={4} trapFocus returnFocus>
            <Popover.Target>
              <button type="button" className={css.facet} data-on={names.length > 0 || undefined}>
                {titles[facet]}
                {names.length > 0 && <span className={css.facetValue}>{names.length > 2 ? `${names.length} chosen` : names.join(', ')}</span>}
                <Icon name="down" size={12} />
              </button>
            </Popover.Target>
            <Popover.Dropdown aria-label={`Filter by ${titles[facet].toLowerCase()}`}>
              <Choices {...props} facet={facet} />
              {names.length > 0 && <Button variant="subtle" size="compact-sm" onClick={() => props.onChange({ [facet]: undefined })}>Clear</Button>}
            </Popover.Dropdown>
          </Popover>
        );
      })}
    </>
  );
}

/** All facets at once, for the dialog of a narrow screen. */
export function FacetSheet(props: Props) {
  return <div className={css.sheet}>{facetNames.map((f) => <Choices key={f} {...props} facet={f} />)}</div>;
}
