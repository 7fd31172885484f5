import { Button, Checkbox, Textarea } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useEffect, useMemo, useRef, useState } from 'react';
import { api } from '../api/client';
import { type LibraryContent, orders, type Therapy } from '../api/orders';
import { Problem, words } from '../api/problem';
import type { PumpDetail } from '../api/types';
import { useNotLiveSince } from '../app/live';
import { useTitle } from '../app/useTitle';
import { useMe } from '../session/useMe';
import { Choice, Line } from '../ui/Field';
import { Icon } from '../ui/Icon';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { changeText, dose, drugOf, factorText, isLarge, mass, meanDay, ml, mostDay, n, plainDose, primaryOf, slip } from './amounts';
import { Compare } from './Compare';
import { Curve } from './Curve';
import { type Draft, draftOf, groupsFor, type Kind, limitFor, make } from './draft';
import { FlexEditor } from './FlexEditor';
import css from './orders.module.css';
import { useLibrary } from './queries';
import { Rehearsed } from './Rehearsed';
import { groupWord, mayDose, runWords, severityWord } from './words';

const route = getRouteApi('/frame/pumps/$id/propose');
const kinds: readonly { value: Kind; label: string }[] = [
  { value: 'program', label: 'New program' }, { value: 'bolus', label: 'One bolus' }, { value: 'settings', label: 'Alarm settings' }, { value: 'resume', label: 'Resume after a stop' },
];

/** Proposing an order: what runs, what is asked for, what the pump would say to it, and seven days of it, before anybody signs. */
export default function ProposePage() {
  const { id } = route.useParams();
  const pump = useQuery({ queryKey: ['pump', id], queryFn: () => api.pump(id) });
  const first = useQuery({ queryKey: ['orders', 'therapy', id], queryFn: () => orders.therapy(id), refetchInterval: 10_000, retry: false });
  const lib = useLibrary();
  const me = useMe();
  useTitle(pump.data ? `Propose, ${pump.data.serial}` : 'Propose');
  if (pump.isError && !pump.data) {
    return pump.error instanceof Problem && pump.error.status === 404 ? <Empty page title="There is no such pump" action={<Link className="link" to="/fleet" search={{}}>Back to the fleet</Link>} /> : <Trouble page="Propose" what="The pump" error={pump.error} retry={() => void pump.refetch()} />;
  }
  if (first.isError && !first.data && pump.data) return <Empty page title="Nothing can be proposed for this pump now" action={<Link className="link" to="/pumps/$id" params={{ id }} search={{ tab: 'therapy' }}>Back to the pump</Link>}>{words(first.error)}</Empty>;
  if (lib.error && !lib.lib) return <Trouble page="Propose" what="The drug library" error={lib.error} />;
  if (!pump.data || !first.data || !lib.lib) return <div className={css.page}><Loading page="Propose" what="the pump" /><Ghost width="60%" height={40} /><Ghost width="100%" height={480} /></div>;
  if (!mayDose.propose(me, pump.data.site)) return <Empty page title="Prescribers propose orders" action={<Link className="link" to="/pumps/$id" params={{ id }} search={{ tab: 'therapy' }}>Back to the pump</Link>}>You have no such role at this site.</Empty>;
  return <Form pump={pump.data} now={first.data} lib={lib.lib} />;
}

function Form({ pump, now, lib }: { pump: PumpDetail; now: Therapy; lib: LibraryContent }) {
  // What the form was opened with stays, so that typing is measured against what the person saw.
  const [seen, setSeen] = useState(now);
  const stopped = seen.report.state.run === 3;
  const [d, setD] = useState<Draft>(() => draftOf(seen, lib, stopped ? 'resume' : 'program'));
  const [typed, setTyped] = useState('');
  const [tried, setTried] = useState(false);
  const summary = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const frozen = useNotLiveSince();
  const moved = now.state_hash !== seen.state_hash;
  const set = (part: Partial<Draft>) => setD((old) => ({ ...old, ...part }));
  const made = useMemo(() => make(d, seen, lib), [d, seen, lib]);
  const { contents, program: old } = seen.report.state;
  const code = primaryOf(contents);
  const f = drugOf(lib, code);
  const conc = n(contents.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const limit = limitFor(lib, code, d.group, contents.route);
  const groups = groupsFor(lib, contents, seen.patient_groups);
  // A reason is not needed to look at what the rest comes to.
  const asked = made.wish ?? (Object.keys(made.wrong).join() === 'reason' ? make({ ...d, reason: 'not given yet' }, seen, lib).wish : null);
  const key = useDebounced(asked && !moved ? JSON.stringify({ ...asked, reason: 'looked at' }) : '', 350);
  const check = useQuery({ queryKey: ['orders', 'check', pump.id, seen.state_hash, key], queryFn: () => orders.check(pump.id, JSON.parse(key) as NonNullable<typeof asked>), enabled: key !== '', placeholderData: (p) => (key === '' ? undefined : p), retry: false, staleTime: 60_000 });
  const before = mass(meanDay(old), conc);
  const after = made.program ? mass(meanDay(made.program), conc) : null;
  const tenfold = after === null ? 0 : slip(before, after);
  const large = d.kind === 'program' && after !== null && (isLarge(before, after) || tenfold !== 0);
  const factor = after === null ? '' : factorText(before, after);
  const confirmed = !large || typed.trim() === factor;
  const preview = check.data;
  const soft = (preview?.finding.refusals ?? []).filter((r) => r.detail.includes('soft'));
  const wantsDay = soft.some((r) => !r.detail.includes('step')) || d.softLimit !== '';
  const wantsStep = soft.some((r) => r.detail.includes('step')) || d.softStep !== '';
  const [once, setOnce] = useState(() => crypto.randomUUID());
  const run = useMutation({
    mutationFn: () => orders.propose(pump.id, made.wish!, undefined, once),
    onSuccess: (o) => { void queries.invalidateQueries({ queryKey: ['orders'] }); void navigate({ to: '/orders/$id', params: { id: o.id }, search: {} }); },
    onError: () => setOnce(crypto.randomUUID()),
  });
  const err = (name: string) => (tried || (name !== 'reason' && name !== 'group' && name !== 'bolusDose') ? made.wrong[name] : undefined);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (made.wish && confirmed && !moved && !run.isPending) run.mutate();
    else requestAnimationFrame(() => summary.current?.focus());
  };
  const unit = (text: string) => ({ rightSection: <span className="label">{text}</span>, rightSectionWidth: 72, rightSectionPointerEvents: 'none' as const, inputMode: 'decimal' as const });
  return (
    <form className={css.page} onSubmit={submit} noValidate autoComplete="off" data-propose={pump.id}>
      <header className={css.head}>
        <div className={css.ident}>
          <Link to="/pumps/$id" params={{ id: pump.id }} search={{ tab: 'therapy' }} className="link" data-screen><Icon name="left" size={12} /> Pump</Link>
          <h1>Propose an order</h1>
        </div>
        <p className={css.who}><span>Pump <b className="mono">{pump.serial}</b></span>{(pump.patient ?? pump.label) && <span>Patient <b>{pump.patient ?? pump.label}</b></span>}<span>{runWords[seen.report.state.run]}, settings of <Age at={seen.at} /></span></p>
      </header>
      {frozen !== null && <p role="status"><strong>This page is not current:</strong> the connection is being restored. What you typed stays.</p>}
      {moved && (
        <div className={css.note} role="alert">
          <p><strong>The pump’s settings changed since you opened this page.</strong> What you typed is kept. Look at what runs now before you go on.</p>
          <Button variant="default" size="compact-sm" onClick={() => setSeen(now)}>Compare with what runs now</Button>
        </div>
      )}
      {seen.drift && <p className={css.note}><strong>The pump does not run what its last order left it with.</strong> Find out why first.</p>}
      <div className={css.split}>
        <div className={css.form}>
          <Choice label="What kind of order" value={d.kind} onChoose={(kind) => set({ kind })} data={kinds.filter((k) => (k.value === 'resume') === stopped || k.value === 'settings' || k.value === d.kind)} />
          {(d.kind === 'program' || d.kind === 'bolus') && (
            <section className={css.section} aria-labelledby="limits-h">
              <h2 id="limits-h">Limits</h2>
              <div className={css.fields}>
                <Choice label="Limits of the group" value={d.group} onChoose={(group) => set({ group })} error={err('group')} data={[...(groups.length === 0 || d.group === '' ? [{ value: '' as const, label: 'Choose' }] : []), ...groups.map((g) => ({ value: g, label: groupWord[g] ?? g }))]} />
              </div>
              {groups.length === 0 && <p className={css.note}>The drug library has no limits for what is in this pump by its route and the patient’s groups, so nothing can be ordered. Ask the pharmacist.</p>}
              {limit && <LimitLine f={f} limit={limit} lib={lib} />}
            </section>
          )}
          {d.kind === 'program' && (
            <section className={css.section} aria-labelledby="dose-h">
              <h2 id="dose-h">{f.name}{contents.ingredients.length > 1 && ', and with it everything else in the reservoir'}</h2>
              <fieldset className={css.buttons} style={{ border: 0, padding: 0, margin: 0 }}>
                <legend className="sr-only">How it is spread over the day</legend>
                <Choice aria-label="How it is spread over the day" value={d.flex ? 'flex' : 'flat'} onChoose={(v) => set({ flex: v === 'flex' })} data={[{ value: 'flat', label: 'The same rate all day' }, { value: 'flex', label: 'Different rates over the day' }]} />
                {!['continuous', 'flex_day'].includes(old.mode) && <span className="label">It runs another mode now; this replaces it.</span>}
              </fieldset>
              {d.flex ? <FlexEditor draft={d} made={made} set={set} facts={f} conc={conc} err={err} /> : (
                <div className={css.fields}><Line label={`${f.name} a day`} description={`now ${dose(f, before)} ${f.unit}/day`} value={d.day} onText={(day) => set({ day })} error={err('day')} {...unit(`${f.unit}/day`)} /></div>
              )}
              <Checkbox checked={d.ptm} onChange={(e) => set({ ptm: e.currentTarget.checked })} label="The patient may take boluses" disabled={limit?.no_ptm && !d.ptm} />
              {d.ptm && (
                <div className={css.fields}>
                  <Line label={`${f.name} in one`} value={d.ptmDose} onText={(ptmDose) => set({ ptmDose })} error={err('ptmDose')} {...unit(f.unit)} />
                  <Line label="Given over" value={d.ptmMinutes} onText={(ptmMinutes) => set({ ptmMinutes })} error={err('ptmMinutes')} {...unit('min')} />
                  <Line label="Lockout" value={d.ptmLockout} onText={(ptmLockout) => set({ ptmLockout })} error={err('ptmLockout')} {...unit('min')} />
                  <Line label="At most in 24 h" value={d.ptmMax} onText={(ptmMax) => set({ ptmMax })} error={err('ptmMax')} {...unit('boluses')} />
                </div>
              )}
            </section>
          )}
          {d.kind === 'bolus' && (
            <section className={css.section} aria-labelledby="bolus-h">
              <h2 id="bolus-h">One bolus of {f.name}, on top of the program</h2>
              <p className="label">It lives 15 minutes from now and applies once. Two people sign it while the pump is connected.</p>
              <div className={css.fields}>
                <Line label={`${f.name} in the bolus`} value={d.bolusDose} onText={(bolusDose) => set({ bolusDose })} error={err('bolusDose')} {...unit(f.unit)} />
                <Line label="Given over" value={d.bolusMinutes} onText={(bolusMinutes) => set({ bolusMinutes })} error={err('bolusMinutes')} {...unit('min')} />
              </div>
            </section>
          )}
          {d.kind === 'settings' && (
            <section className={css.section} aria-labelledby="settings-h">
              <h2 id="settings-h">Alarm settings</h2>
              <div className={css.fields}>
                <Line label="Low-reservoir alarm at" value={d.low} onText={(low) => set({ low })} error={err('low')} {...unit('mL')} />
                <Line label="Alarm above so many denied patient boluses in 24 h; 0 is never" value={d.denied} onText={(denied) => set({ denied })} error={err('denied')} {...unit('denied')} />
              </div>
            </section>
          )}
          {d.kind === 'resume' && <p>The pump runs its kept program again, unchanged. Whoever stopped it may resume it alone within an hour; later it needs two people.</p>}
          {(wantsDay || wantsStep) && (
            <section className={css.section} aria-labelledby="soft-h">
              <h2 id="soft-h">Past a soft limit</h2>
              <p className="label">With a reason it can be ordered; everybody who signs sees it. Hard limits are never passed.</p>
              <div className={css.fields}>
                {wantsDay && <Line label="Why past the soft limit of a day or bolus" value={d.softLimit} onText={(softLimit) => set({ softLimit })} maxLength={200} />}
                {wantsStep && <Line label="Why a step past the soft step limit; a third person signs" value={d.softStep} onText={(softStep) => set({ softStep })} maxLength={200} />}
              </div>
            </section>
          )}
          <section className={css.section} aria-labelledby="why-h">
            <h2 id="why-h">Reason and life</h2>
            <Textarea label="Reason" value={d.reason} onChange={(e) => set({ reason: e.currentTarget.value })} rows={2} maxLength={200} error={err('reason')} />
            {d.kind === 'program' && <div className={css.fields}><Line label="Expires after" value={d.life} onText={(life) => set({ life })} error={err('life')} {...unit('days')} /></div>}
          </section>
          {large && (
            <section className={css.panel} aria-labelledby="large-h">
              <h2 id="large-h">{tenfold === 10 ? 'Ten times as much?' : tenfold === -10 ? 'A tenth of it?' : 'More than a quarter'}</h2>
              <p>{f.name} goes from <strong>{dose(f, before)} {f.unit}/day</strong> to <strong>{dose(f, after!)} {f.unit}/day</strong>: <strong>{factor} times</strong> what runs now ({changeText(before, after!)}).{tenfold !== 0 && <> A slipped decimal point looks like this.</>}{after! < before && <> Abrupt decrease: {severityWord[f.entry?.withdrawal ?? 'none']}.</>}</p>
              <Line label={`Type ${factor} to confirm ${factor} times`} value={typed} onText={setTyped} onPaste={(e) => e.preventDefault()} error={tried && !confirmed ? `Type ${factor}, or change the dose.` : undefined} style={{ maxWidth: 240 }} />
            </section>
          )}
          <div ref={summary} tabIndex={-1} role="alert">
            {tried && !made.wish && <p className={css.note}>Not proposed yet: {Object.values(made.wrong).join(' ')}</p>}
            {tried && made.wish && !confirmed && <p className={css.note}>Not proposed yet: confirm the size of the change.</p>}
            {run.isError && <p className={css.note}><strong>Not proposed.</strong> {words(run.error)}</p>}
          </div>
          <div className={css.buttons}><Button type="submit" loading={run.isPending} disabled={moved}>Propose</Button><span className="label">Nothing reaches the pump by this. Others verify, sign and release it.</span></div>
        </div>
        <div className={css.side}>
          {after !== null && made.program && (
            <dl className={css.totals}>
              {contents.ingredients.map((i) => {
                const g = drugOf(lib, i.code);
                const a = mass(meanDay(old), n(i.conc_ng_ml));
                const b = mass(meanDay(made.program!), n(i.conc_ng_ml));
                return <div key={i.code}><dt className="label">{g.name} a day</dt><dd>{dose(g, b)}<small>{g.unit}</small></dd><dd className="label">{dose(g, a)} now, {changeText(a, b)}</dd></div>;
              })}
              {contents.ingredients.map((i) => { const g = drugOf(lib, i.code); return <div key={`m${i.code}`}><dt className="label">{g.name}, with every patient bolus</dt><dd>{dose(g, mass(mostDay(made.program!), n(i.conc_ng_ml)))}<small>{g.unit}</small></dd></div>; })}
              <div><dt className="label">Volume a day</dt><dd>{ml(meanDay(made.program))}<small>mL</small></dd><dd className="label">{ml(n(seen.report.volume_nl), 2)} mL in the reservoir</dd></div>
            </dl>
          )}
          {made.program && <Curve now={made.program} was={old} name="Rate over the day" />}
          <section className={css.section} aria-labelledby="pump-says" aria-busy={check.isFetching}>
            <h2 id="pump-says">What the pump would say</h2>
            {key === '' && <p className="label">As soon as the entries are complete.</p>}
            {check.isFetching && <p className="label">Checking…</p>}
            {check.isError && <p className={css.note}>{words(check.error)}</p>}
            {preview && key !== '' && preview.finding.refusals.length === 0 && <p><strong>It would take it.</strong> {preview.finding.people === 1 ? 'One person signs' : `${preview.finding.people} people sign`}{preview.finding.increase && <>; somebody gets more of something</>}.</p>}
            {preview && key !== '' && preview.finding.refusals.length > 0 && <ul className={css.refusals} aria-label="Refusals">{preview.finding.refusals.map((r) => <li key={r.code + r.detail}><p><code>{r.code}</code> {r.detail}</p><p className="label">{r.remedy}</p></li>)}</ul>}
          </section>
          {preview && key !== '' && <Rehearsed of={preview.rehearsal} lib={lib} />}
        </div>
      </div>
      {preview && key !== '' && <section className={css.section} aria-labelledby="all-h"><h2 id="all-h">Everything that will be signed</h2><Compare document={{ ...preview.document, reason: d.reason.trim() || 'not given yet' }} therapy={seen} lib={lib} /></section>}
    </form>
  );
}

function LimitLine({ f, limit, lib }: { f: ReturnType<typeof drugOf>; limit: NonNullable<ReturnType<typeof limitFor>>; lib: LibraryContent }) {
  const amount = (ng: string | undefined) => `${plainDose(f, n(ng))} ${f.unit}`;
  const percent = (p: number | undefined) => (p ? `${p % 10 === 0 ? p / 10 : `${Math.floor(p / 10)}.${p % 10}`} %` : null);
  const steps = [[percent(limit.soft_step_permille), n(limit.soft_step_ng) > 0n ? amount(limit.soft_step_ng) : null].filter(Boolean).join(' or '), [percent(limit.hard_step_permille), n(limit.hard_step_ng) > 0n ? amount(limit.hard_step_ng) : null].filter(Boolean).join(' or ')];
  return (
    <p className="label">
      {f.name}: hard <strong>{amount(limit.hard_day_ng)} in 24 h</strong>, {amount(limit.hard_hour_ng)} in 1 h{n(limit.soft_day_ng) > 0n && <>; soft {amount(limit.soft_day_ng)} in 24 h</>}{steps[0] && <>; a step of more than {steps[0]} needs a reason and a third person</>}{steps[1] && <>; of more than {steps[1]} is refused</>}. {limit.no_ptm && 'No patient boluses. '}Counted with every patient bolus. {lib.name}, version {lib.version}.
    </p>
  );
}

function useDebounced(value: string, ms: number): string {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const t = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(t);
  }, [value, ms]);
  return value === '' ? '' : late;
}
