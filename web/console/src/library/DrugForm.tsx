import type { Confidence } from '../api/library';
import type { Drug, DrugLimit, Group, Severity } from '../api/orders';
import { groupWord, severityWord } from '../orders/words';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Choice, Line } from '../ui/Field';
import { emptyLimit, inUnit, limitNumbers, writingOf, type DrugDraft, type DrugNumber, type LimitDraft, type LimitNumber, type Num } from './draft';
import css from './library.module.css';
import { confidenceWord, drugFields, limitFields } from './words';

export type Errors = ReadonlyMap<string, string>;

interface Props { of: DrugDraft; at: string; errors: Errors; onChange: (d: DrugDraft) => void; onRemove: () => void }

const worths = [{ value: '', label: 'worth…' }, ...(Object.keys(confidenceWord) as Confidence[]).map((c) => ({ value: c, label: confidenceWord[c] }))];
const groups = Object.entries(groupWord).map(([value, label]) => ({ value, label }));
const severities = (Object.keys(severityWord) as Severity[]).map((value) => ({ value, label: severityWord[value] }));

/** A number with its unit, and below it where it comes from. */
export function NumField({ label, unit, at, value: n, errors, onChange }: { label: string; unit: string; at: string; value: Num; errors: Errors; onChange: (n: Num) => void }) {
  const name = unit ? `${label}, ${unit}` : label;
  return (
    <div className={css.num}>
      <Line label={name} name={at} value={n.text} onText={(text) => onChange({ ...n, text })} error={errors.get(at)} inputMode="decimal" />
      {n.text.trim() !== '' && (
        <div className={css.origin}>
          <Line aria-label={`Source of: ${name}`} name={`${at}.source`} placeholder="source" value={n.source} onText={(source) => onChange({ ...n, source })} error={errors.get(`${at}.source`)} />
          <Choice<Confidence | ''> aria-label={`Worth of the source of: ${name}`} name={`${at}.worth`} value={n.worth} onChoose={(worth) => onChange({ ...n, worth })} data={worths} error={errors.get(`${at}.worth`)} />
        </div>
      )}
    </div>
  );
}

/** One drug of a draft. Each field says what is wrong with it. */
export function DrugForm({ of: d, at, errors, onChange, onRemove }: Props) {
  const set = (part: Partial<DrugDraft>) => onChange({ ...d, ...part });
  const line = (f: 'name' | 'class' | 'source' | 'jurisdiction' | 'decimals', label: string = drugFields[f]) => <Line label={label} name={`${at}.${f}`} value={d[f]} onText={(v) => set({ [f]: v })} error={errors.get(`${at}.${f}`)} />;
  const num = (f: DrugNumber, label: string) => <NumField label={label} unit={writingOf(d.unit, f).unit} at={`${at}.${f}`} value={d.n[f]} errors={errors} onChange={(n) => set({ n: { ...d.n, [f]: n } })} />;
  const free = (Object.keys(groupWord) as Group[]).find((g) => !d.limits.some((x) => x.group === g && x.route === 'intrathecal'));
  const limitsError = errors.get(`${at}.limits`);
  const concError = [...errors].find(([k]) => k.startsWith(`${at}.concs_ng_ml`))?.[1];
  return (
    <div className={css.form}>
      <div className={css.fields}>
        {line('name')}
        <Line label="Number" name={`${at}.code`} value={d.code} onText={(code) => set({ code })} error={errors.get(`${at}.code`)} description="A site’s own begin at 1000." />
        {line('class')}
        <Choice<Drug['unit']> label={drugFields.unit} name={`${at}.unit`} value={d.unit} onChoose={(unit) => onChange(inUnit(d, unit))} data={['mg', 'mcg']} error={errors.get(`${at}.unit`)} />
        {line('decimals', 'Decimals of a dose')}
        <Choice<Severity> label={drugFields.withdrawal} name={`${at}.withdrawal`} value={d.withdrawal} onChoose={(withdrawal) => set({ withdrawal })} data={severities} error={errors.get(`${at}.withdrawal`)} />
        {line('jurisdiction')}
        {line('source')}
      </div>
      <Check label="Restricted: no dose can be ordered" name={`${at}.restricted`} checked={d.restricted} onChange={(e) => set({ restricted: e.currentTarget.checked })} error={errors.get(`${at}.restricted`)} />
      <Check label="Given alone, or in mixtures that this library lists" name={`${at}.alone`} checked={d.alone} onChange={(e) => set({ alone: e.currentTarget.checked })} />
      <div className={css.fields}>
        {num('max_conc_ng_ml', drugFields.max_conc_ng_ml)}
        <Line label={`Standard concentrations, ${d.unit}/mL`} name={`${at}.concs_ng_ml`} description="With spaces between; none: any up to the highest." value={d.concs} onText={(concs) => set({ concs })} error={concError} />
        {num('stability_s', 'Stable alone at 37 °C')}
        {num('min_gap_s', 'Least time between increases')}
        {num('max_7d', 'Increases in 7 days, at most')}
        {num('fallback_permille', 'One person may decrease by')}
      </div>
      {d.limits.map((x, i) => <LimitForm key={x.key} of={x} unit={d.unit} at={`${at}.limits[${i}]`} errors={errors} onChange={(y) => set({ limits: d.limits.map((z, k) => (k === i ? y : z)) })} onRemove={() => set({ limits: d.limits.filter((_, k) => k !== i) })} />)}
      {limitsError && <p className={css.note} tabIndex={-1} id={`${at}.limits`}>{limitsError}</p>}
      <div className={css.acts}>
        {free && <Button variant="default" onClick={() => set({ limits: [...d.limits, emptyLimit(free)] })}>Add limits for a group</Button>}
        <Button variant="default" onClick={onRemove}>Remove {d.name || 'this drug'}</Button>
      </div>
    </div>
  );
}

function LimitForm({ of: x, unit, at, errors, onChange, onRemove }: { of: LimitDraft; unit: Drug['unit']; at: string; errors: Errors; onChange: (x: LimitDraft) => void; onRemove: () => void }) {
  const whom = `${groupWord[x.group]}, ${x.route}`;
  const words: Record<LimitNumber, string> = { ...limitFields, ptm_min_lockout_s: 'Shortest lockout', hard_step_permille: 'Hard step', soft_step_permille: 'Soft step' };
  return (
    <fieldset className={css.group}>
      <legend className="h2">{whom}</legend>
      <div className={css.fields}>
        <Choice<Group> label="For" name={`${at}.group`} value={x.group} onChoose={(group) => onChange({ ...x, group })} data={groups} error={errors.get(`${at}.group`)} />
        <Choice<DrugLimit['route']> label="Route" name={`${at}.route`} value={x.route} onChoose={(route) => onChange({ ...x, route })} data={['intrathecal', 'epidural']} error={errors.get(`${at}.route`)} />
        {limitNumbers.map((f) => <NumField key={f} label={words[f]} unit={writingOf(unit, f).unit} at={`${at}.${f}`} value={x.n[f]} errors={errors} onChange={(n) => onChange({ ...x, n: { ...x.n, [f]: n } })} />)}
      </div>
      <div className={css.acts}>
        <Check label="No patient boluses" name={`${at}.no_ptm`} checked={x.noPtm} onChange={(e) => onChange({ ...x, noPtm: e.currentTarget.checked })} />
        <Button variant="default" size="compact-sm" onClick={onRemove}>Remove these limits<span className="sr-only"> for {whom}</span></Button>
      </div>
    </fieldset>
  );
}
