import type { LibraryContent, Therapy } from '../api/orders';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';
import { concText, drugOf, ml, n } from './amounts';
import { type Draft, fresh } from './draft';
import { unit } from './fields';
import css from './orders.module.css';

interface Props {
  readonly d: Draft;
  readonly set: (part: Partial<Draft>) => void;
  readonly err: (name: string) => string | undefined;
  readonly lib: LibraryContent;
  readonly t: Therapy;
}

/** A mixture of up to six ingredients: of a refill by the pharmacy's label, or what somebody has found in a reservoir. */
export function SyringeFields({ d, set, err, lib, title = 'What is filled in', hint = 'As the pharmacy’s label says. The verifier reads it off the syringe again.' }: Omit<Props, 't'> & { title?: string; hint?: string }) {
  const drugs = lib.drugs.filter((x) => !x.restricted);
  const change = (key: string, part: Partial<Draft['mix'][number]>) => {
    const old = d.mix.find((p) => p.key === key);
    set({ mix: d.mix.map((p) => (p.key === key ? { ...p, ...part } : p)), ...(part.code !== undefined && old && (d.lead === old.code || d.lead === '') ? { lead: part.code } : {}) });
  };
  return (
    <section className={css.section} aria-labelledby="syringe-h">
      <h2 id="syringe-h">{title}</h2>
      <p className="label">{hint}</p>
      {d.mix.map((p, i) => {
        const drug = drugs.find((x) => String(x.code) === p.code);
        return (
          <div key={p.key} className={css.fields}>
            <Choice label={`Drug ${i + 1}`} value={p.code} onChoose={(code) => change(p.key, { code })} error={err(`code ${p.key}`)} data={[{ value: '', label: 'Choose' }, ...drugs.map((x) => ({ value: String(x.code), label: x.name }))]} />
            <Line label={`Concentration ${i + 1}`} description={drug ? `at most ${concText(drugOf(lib, drug.code), n(drug.max_conc_ng_ml))} ${drug.unit}/mL` : undefined} value={p.conc} onText={(conc) => change(p.key, { conc })} error={err(`conc ${p.key}`)} {...unit(drug ? `${drug.unit}/mL` : '')} />
            {d.mix.length > 1 && <div className={css.buttons} style={{ alignSelf: 'end' }}><Button variant="subtle" onClick={() => set({ mix: d.mix.filter((x) => x.key !== p.key), lead: d.lead === p.code ? d.mix.find((x) => x.key !== p.key)!.code : d.lead })} aria-label={`Remove drug ${i + 1}`}>Remove</Button></div>}
          </div>
        );
      })}
      <div className={css.buttons}>
        <Button variant="default" disabled={d.mix.length >= 6} onClick={() => set({ mix: [...d.mix, { key: fresh(), code: '', conc: '' }] })}>Add a drug</Button>
        {d.mix.length > 1 && <Choice aria-label="Which drug leads: whose dose is written" value={d.lead} onChoose={(lead) => set({ lead })} data={d.mix.filter((p) => p.code !== '').map((p) => ({ value: p.code, label: `${drugs.find((x) => String(x.code) === p.code)?.name ?? p.code} leads` }))} />}
        <Choice aria-label="Route" value={d.route} onChoose={(route) => set({ route })} data={[{ value: 'intrathecal', label: 'Intrathecal' }, { value: 'epidural', label: 'Epidural' }]} />
      </div>
    </section>
  );
}

/** The volumes of a refill, and what is primed. */
export function VolumeFields({ d, set, err, t }: Omit<Props, 'lib'>) {
  const empty = t.report.state.contents.ingredients.length === 0;
  return (
    <section className={css.section} aria-labelledby="volumes-h">
      <h2 id="volumes-h">Volumes</h2>
      <div className={css.fields}>
        <Line label="Volume filled in" description={`the reservoir holds ${ml(n(t.reservoir_capacity_nl), 0)} mL`} value={d.filled} onText={(filled) => set({ filled })} error={err('filled')} {...unit('mL')} />
        <Line label="Expected in the reservoir before" description={`${ml(n(t.report.volume_nl))} mL now, by the pump’s reckoning`} value={d.residual} onText={(residual) => set({ residual })} error={err('residual')} {...unit('mL')} />
        {!empty && <Line label="Rinsed with" description="0 is not rinsed" value={d.rinse} onText={(rinse) => set({ rinse })} error={err('rinse')} {...unit('mL')} />}
        {t.path.catheter_mm === 0 && <Line label="Implanted length of the catheter" description="not on record: from the implant record" value={d.catheter} onText={(catheter) => set({ catheter })} error={err('catheter')} {...unit('mm')} />}
      </div>
      <PrimeChoice d={d} set={set} err={err} t={t} none={empty ? 'Nothing: it was primed before' : 'Nothing'} />
    </section>
  );
}

/** What a priming bolus fills, with its arithmetic. */
export function PrimeChoice({ d, set, err, t, none }: { d: Draft; set: (part: Partial<Draft>) => void; err: (name: string) => string | undefined; t: Therapy; none: string | null }) {
  const p = t.path;
  const known = p.catheter_mm > 0;
  return (
    <div className={css.fields}>
      <Choice label="Primed" value={d.prime} onChoose={(prime) => set({ prime })} error={err('prime')} data={[
        { value: '', label: none ?? 'Choose' },
        { value: 'catheter', label: known ? `The catheter, ${ml(n(p.catheter_nl), 4)} mL` : 'The catheter' },
        { value: 'path', label: known ? `Tubing and catheter, ${ml(n(p.path_nl), 4)} mL` : 'Tubing and catheter' },
      ]} />
      {d.prime !== '' && <Line label="Primed over" description={none === null ? undefined : 'empty: as fast as the pump may'} value={d.primeMinutes} onText={(primeMinutes) => set({ primeMinutes })} error={err('primeMinutes')} {...unit('min')} />}
    </div>
  );
}
