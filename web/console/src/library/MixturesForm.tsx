import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Line } from '../ui/Field';
import { emptyNum, nextKey, type Draft, type MixtureDraft } from './draft';
import { NumField, type Errors } from './DrugForm';
import css from './library.module.css';

/** The mixtures of a draft: which drugs, and for how long they may stay in a reservoir. */
export function MixturesForm({ of: draft, errors, onChange }: { of: Draft; errors: Errors; onChange: (all: MixtureDraft[]) => void }) {
  const drugs = draft.drugs.map((d) => ({ code: Number(d.code), name: d.name }));
  const set = (i: number, part: Partial<MixtureDraft>) => onChange(draft.mixtures.map((m, k) => (k === i ? { ...m, ...part } : m)));
  return (
    <div className={css.form}>
      {draft.mixtures.map((m, i) => {
        const at = `library.mixtures[${i}]`;
        const name = m.codes.map((c) => drugs.find((d) => d.code === c)?.name ?? `drug ${c}`).join(' + ') || 'New mixture';
        return (
          <fieldset key={m.key} className={css.group}>
            <legend className="h2">{name}</legend>
            <div className={css.acts} role="group" aria-label={`Drugs of ${name}`}>
              {drugs.filter((d) => d.name !== '').map((d) => <Check key={d.code} label={d.name} name={`${at}.codes`} checked={m.codes.includes(d.code)} onChange={(e) => set(i, { codes: e.currentTarget.checked ? [...m.codes, d.code].toSorted((a, b) => a - b) : m.codes.filter((c) => c !== d.code) })} />)}
            </div>
            {errors.get(`${at}.codes`) && <p className={css.note}>{errors.get(`${at}.codes`)}</p>}
            <div className={css.fields}>
              <NumField label="Stable at 37 °C" unit="d" at={`${at}.stability_s`} value={m.keep} errors={errors} onChange={(keep) => set(i, { keep })} />
              <Line label="Source, as it stands in the signed document" name={`${at}.source`} value={m.note} onText={(note) => set(i, { note })} error={errors.get(`${at}.source`)} />
            </div>
            <div className={css.acts}><Button variant="default" size="compact-sm" onClick={() => onChange(draft.mixtures.filter((_, k) => k !== i))}>Remove<span className="sr-only"> {name}</span></Button></div>
          </fieldset>
        );
      })}
      <div className={css.acts}><Button variant="default" onClick={() => onChange([...draft.mixtures, { key: nextKey(), codes: [], keep: emptyNum(), note: '' }])}>Add a mixture</Button></div>
    </div>
  );
}
