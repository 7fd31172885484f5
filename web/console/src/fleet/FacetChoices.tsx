import { Check } from '../ui/Check';
import css from './Fleet.module.css';
import { type FacetProps, options, titles } from './Facets';
import { type FacetName, facetNames } from './search';

/** The choices of one facet with what each would show. */
export function Choices(props: FacetProps & { facet: FacetName }) {
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
          <Check checked={chosen.has(o.value)} onChange={() => toggle(o.value)} label={o.label} />
          <span className={css.count}>{current ? counts[facet].get(o.value) ?? 0 : '–'}</span>
        </div>
      ))}
    </fieldset>
  );
}

/** All facets at once, for the dialog of a narrow screen. */
export function FacetSheet(props: FacetProps) {
  return <div className={css.sheet}>{facetNames.map((f) => <Choices key={f} {...props} facet={f} />)}</div>;
}
