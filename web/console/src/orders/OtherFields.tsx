import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type LibraryContent, orders, type Therapy } from '../api/orders';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';
import { Ghost } from '../ui/states';
import { Why } from '../ui/Why';
import { concText, dose, drugOf, meanDay, ml, n } from './amounts';
import { boundTo, type Draft, type Made } from './draft';
import { unit } from './fields';
import { amountsIn, sameFluid } from './make';
import css from './orders.module.css';
import { PathLine } from './PlanShown';
import { PrimeChoice, SyringeFields } from './VisitFields';
import { groupWord, severityWord } from './words';

interface Props {
  readonly d: Draft;
  readonly set: (part: Partial<Draft>) => void;
  readonly err: (name: string) => string | undefined;
  readonly t: Therapy;
  readonly lib: LibraryContent;
}

/** A priming bolus alone: after a failed one, or a new catheter. */
function PrimeFields({ d, set, err, t, lib, made }: Props & { made: Made }) {
  const v = n(made.wish?.dose?.volume_nl ?? (d.prime === 'catheter' ? t.path.catheter_nl : t.path.path_nl));
  return (
    <section className={css.section} aria-labelledby="prime-h">
      <h2 id="prime-h">Priming bolus</h2>
      <PathLine path={t.path} />
      <PrimeChoice d={d} set={set} err={err} t={t} none={null} />
      {d.prime !== '' && v > 0n && (
        <p className={css.note}><strong>No limit of the drug library counts it.</strong> If the catheter already holds what is in the reservoir, all of it reaches the patient within minutes: {amountsIn(v, t.report.state.contents).map(({ code, ng }) => { const f = drugOf(lib, code); return `${dose(f, ng)} ${f.unit} of ${f.name}`; }).join(', ')}. Prime only a way that is empty.</p>
      )}
    </section>
  );
}

/** What another maker's programmer left is meant so: somebody has looked what is in the reservoir. */
function AdoptFields({ d, set, err, t, lib, made }: Props & { made: Made }) {
  const { program, contents: by } = t.report.state;
  const other = !Object.keys(made.wrong).some((k) => /^(code|conc) /.test(k)) && !sameFluid(made.contents, by);
  return (
    <>
      <section className={css.section} aria-labelledby="adopt-h">
        <h2 id="adopt-h">What is found in the pump</h2>
        <p>The pump was programmed by another maker’s programmer, so it gives no bolus until this is signed. By signing you say that its program is meant so, and what is in its reservoir: drugs, concentrations and volume. Whoever programmed it may have filled something else than the pump believes.</p>
      </section>
      <SyringeFields d={d} set={set} err={err} lib={lib} title="What is in the reservoir" hint="First as the pump believes. Put it right by the syringe’s label or the other clinic’s record; the verifier enters it again from their own source." />
      {other && <p className={css.note}><strong>This is not what the pump believes.</strong> It says {by.ingredients.map((i) => { const f = drugOf(lib, i.code); return `${f.name} ${concText(f, n(i.conc_ng_ml))} ${f.unit}/mL`; }).join(', ') || 'that it is empty'}. Its program stays as it is, and then gives {amountsIn(meanDay(program), made.contents).map(({ code, ng }) => { const f = drugOf(lib, code); return `${dose(f, ng)} ${f.unit} of ${f.name}`; }).join(', ')} a day.</p>}
      <div className={css.fields}><Line label="Volume in the reservoir" description={`${ml(n(t.report.volume_nl))} mL by the pump’s reckoning`} value={d.volume} onText={(volume) => set({ volume })} error={err('volume')} {...unit('mL')} /></div>
    </>
  );
}

/** Whose pump it is from now on. */
function BindFields({ d, set, t, pump, site }: Omit<Props, 'err' | 'lib'> & { pump: string; site: string }) {
  const queries = useQueryClient();
  const [begins, setBegins] = useState('');
  const list = useInfiniteQuery({
    queryKey: ['orders', 'patients', pump, begins], queryFn: ({ pageParam }) => orders.patients(pump, begins, pageParam), initialPageParam: null as string | null, getNextPageParam: (last) => last.next, placeholderData: keepPreviousData,
  });
  const make = useMutation({
    mutationFn: () => orders.createPatient(site),
    onSuccess: (p) => { set({ patient: p.token }); void queries.invalidateQueries({ queryKey: ['orders', 'patients', pump] }); },
  });
  const all = list.data?.pages.flatMap((p) => p.items) ?? [];
  // Whom somebody has chosen stays in the list, whatever is looked for.
  const chosen = d.patient !== '' && !all.some((p) => p.token === d.patient) ? [{ value: d.patient, label: d.patient }] : [];
  const text = (p: (typeof all)[number]) => `${p.token}${p.groups.length > 0 ? `, ${p.groups.map((g) => groupWord[g] ?? g).join(', ')}` : ''}${p.pump === pump ? ', as the register has it' : ''}`;
  return (
    <section className={css.section} aria-labelledby="bind-h">
      <h2 id="bind-h">Patient</h2>
      <p>{boundTo(t) ? <>The pump says that it is in {t.patient ? <strong>{t.patient}</strong> : 'somebody'}. What runs keeps running; counters, ceilings and lockouts stay.</> : <>The pump says that it is in nobody.</>} From this order on it takes orders for the new patient only, and every drug counts as ordered for the first time.</p>
      {list.isPending && <Ghost width="100%" height={56} />}
      {list.isError && <p className={css.note}><Why error={list.error} /></p>}
      {list.data && (
        <div className={css.fields}>
          <Choice label="The patient whom it is in" value={d.patient} onChoose={(patient) => set({ patient })} data={[{ value: '', label: t.patient ? `${t.patient}, as the register has it` : 'Choose' }, ...chosen, ...all.filter((p) => p.token !== t.patient).map((p) => ({ value: p.token, label: text(p) }))]} />
          <div style={{ alignSelf: 'end' }}><Button variant="default" loading={make.isPending} onClick={() => make.mutate()}>A new patient</Button></div>
          {(begins !== '' || list.hasNextPage) && <Line label="Find by the token’s first characters" value={begins} onText={(text) => setBegins(text.trim())} description={`${all.length} in the list${list.hasNextPage ? ', and there are more' : ''}`} />}
          {list.hasNextPage && <div style={{ alignSelf: 'end' }}><Button variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>Show older records</Button></div>}
        </div>
      )}
      {make.isError && <p role="alert" className={css.note}><Why error={make.error} /></p>}
      <p className="label">Patients are pseudonyms here. Compare the token with the patient’s record.</p>
    </section>
  );
}

/** Where the pump goes. */
function TransferFields({ d, set, err, pump }: Pick<Props, 'd' | 'set' | 'err'> & { pump: string }) {
  const list = useQuery({ queryKey: ['orders', 'destinations', pump], queryFn: () => orders.destinations(pump) });
  return (
    <section className={css.section} aria-labelledby="transfer-h">
      <h2 id="transfer-h">Transfer to another site</h2>
      <p>From the pump’s answer on it takes orders of the new site’s people only, and this site sees it no more. Its patient, its communicator, its open alarms and planned work go with it. What runs keeps running.</p>
      {list.isPending && <Ghost width="100%" height={56} />}
      {list.isError && <p className={css.note}><Why error={list.error} /></p>}
      {list.data && (list.data.items.length === 0 ? <p className={css.note}>There is no other site here.</p> : (
        <div className={css.fields}><Choice label="The site that it goes to" value={d.site} onChoose={(site) => set({ site })} error={err('site')} data={[{ value: '', label: 'Choose' }, ...list.data.items.map((s) => ({ value: s.id, label: s.name }))]} /></div>
      ))}
    </section>
  );
}

/** No program any more. */
function EraseFields({ t, lib }: Pick<Props, 't' | 'lib'>) {
  const harm = t.report.state.contents.ingredients.map((i) => drugOf(lib, i.code)).filter((f) => f.entry && f.entry.withdrawal !== 'none');
  return (
    <section className={css.section} aria-labelledby="erase-h">
      <h2 id="erase-h">Erase the program</h2>
      <p>The pump keeps only its tubing moving; that is no therapy. To begin again somebody orders a program or a visit.</p>
      {harm.length > 0 && <p className={css.note}><strong>Ending a therapy abruptly is a harm.</strong> In this pump: {harm.map((f) => `${f.name} (${severityWord[f.entry!.withdrawal]})`).join(', ')}.</p>}
    </section>
  );
}

/** The pump's clock, which programs by time of day follow. */
function ClockFields({ d, set, err, t }: Omit<Props, 'lib'>) {
  const clocked = ['flex_day', 'flex_week'].includes(t.report.state.program.mode);
  return (
    <section className={css.section} aria-labelledby="clock-h">
      <h2 id="clock-h">Set the clock</h2>
      <p>{t.report.trusted ? 'The pump trusts its clock.' : 'The pump does not trust its clock: it was never set, or has jumped.'} {clocked ? <strong>Its program follows the clock, so setting it changes when each dose is given.</strong> : 'Its program does not follow the clock.'} It is set to the moment at which the release is signed.</p>
      <div className={css.fields}><Line label="Time zone of the patient" description="from UTC; the site’s is given" value={d.zone} onText={(zone) => set({ zone })} error={err('zone')} placeholder="+01:00" /></div>
    </section>
  );
}

/** What the kinds of orders ask for that give no program, bolus or setting. */
export function OtherFields({ d, set, err, t, lib, made, pump, site }: Props & { made: Made; pump: string; site: string }) {
  switch (d.kind) {
    case 'prime': return <PrimeFields d={d} set={set} err={err} t={t} lib={lib} made={made} />;
    case 'adopt': return <AdoptFields d={d} set={set} err={err} t={t} lib={lib} made={made} />;
    case 'bind': return <BindFields d={d} set={set} t={t} pump={pump} site={site} />;
    case 'transfer': return <TransferFields d={d} set={set} err={err} pump={pump} />;
    case 'erase': return <EraseFields t={t} lib={lib} />;
    case 'clock': return <ClockFields d={d} set={set} err={err} t={t} />;
    default: return null;
  }
}
