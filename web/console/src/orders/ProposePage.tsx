import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, Suspense, useMemo, useRef, useState } from 'react';
import { api } from '../api/client';
import { type Contents, type LibraryContent, type Order, type OrderDraft, orders, type Therapy } from '../api/orders';
import { Problem, words } from '../api/problem';
import type { PumpDetail } from '../api/types';
import { useNotLiveSince } from '../app/live';
import { useAddress } from '../app/useAddress';
import { useTitle } from '../app/useTitle';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';
import { Icon } from '../ui/Icon';
import { part } from '../ui/part';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { Why } from '../ui/Why';
import { drugOf, n, primaryOf } from './amounts';
import { DayTotals } from './DayTotals';
import { type Draft, draftOf, firstKind, groupsFor, hasProgram, kindsFor, limitFor, type Made } from './draft';
import { Large, LimitLine, ReasonFields, SoftFields } from './CommonFields';
import { unit } from './fields';
import { changeKey, confirmBy, largeBolus, largeChanges, type Typed, typedFor } from './large';
import { make } from './make';
import table from '../ui/Table.module.css';
import css from './orders.module.css';
import { ProgramFields } from './ProgramFields';
import { useBefore, useLibrary, useTherapy } from './queries';
import { Refused } from './Refused';
import { Starts } from './Starts';
import { Judged } from './Judged';
import { useJudged } from './useJudged';
import { useKnownSites } from './useNames';
import { readProposeSearch } from './search';
import { draftOfPump, savedForm, useSaved } from './useSaved';
import { draftFrom, type Missing } from './wished';
import { actWord, groupWord, mayDose, runWords } from './words';

// Come when there is something to compare, and for the kinds that are no dose.
const OtherFields = part(() => import('./OtherFields').then((m) => ({ default: m.OtherFields })));
const otherKinds: readonly Draft['kind'][] = ['prime', 'adopt', 'bind', 'transfer', 'erase', 'clock'];
const SyringeFields = part(() => import('./VisitFields').then((m) => ({ default: m.SyringeFields })));
const VolumeFields = part(() => import('./VisitFields').then((m) => ({ default: m.VolumeFields })));
const PlanShown = part(() => import('./PlanShown').then((m) => ({ default: m.PlanShown })));
const Trend = part(() => import('./Trend'));
const InPath = part(() => import('./InPath').then((m) => ({ default: m.InPath })));
const Compare = part(() => import('./Compare').then((m) => ({ default: m.Compare })));

/** What a pump gives that stands or keeps only its tubing moving, whatever program it has kept. */
const standing: Therapy['report']['state']['program'] = { mode: 'minimum', cycle_s: '0', segments: [] };

/** What of an order that is taken up has to be said again, and why. */
const missingWord: Record<Missing, string> = {
  doses: 'What is in the reservoir is not what it was when this was proposed, or that is not known: its doses are not filled in.',
  priming: 'What was to be primed is not filled in: the catheter that is on record, or its length, is not what it was.',
  residual: 'The volume that is expected in the reservoir is not filled in.',
};

const route = getRouteApi('/frame/pumps/$id/propose');

/** Proposing an order: what runs, what is asked for, what the pump would say to it, and seven days of it, before anybody signs. */
export default function ProposePage() {
  const { id } = route.useParams();
  const search = useAddress(route.useSearch(), readProposeSearch);
  return <Page key={`${id} ${search.order ?? ''}`} id={id} order={search.order} />;
}

function Page({ id, order }: { id: string; order: string | undefined }) {
  const pump = useQuery({ queryKey: ['pump', id], queryFn: () => api.pump(id) });
  const first = useTherapy(id);
  const lib = useLibrary();
  const me = useMe();
  const may = pump.data !== undefined && mayDose.propose(me, pump.data.site);
  // Read once: from then on the page is ahead of it.
  const saved = useQuery({ queryKey: ['draft-of', id, order ?? ''], queryFn: () => draftOfPump(id), enabled: may, staleTime: Infinity, gcTime: 0, refetchOnWindowFocus: false });
  // The order that came back, by what the address says; and those that did, for whoever came without one.
  const back = useQuery({ queryKey: ['propose', 'back', id], queryFn: async () => (await orders.list({ pump: id, state: ['draft'], limit: 20 })).items.filter((o) => o.proposer.id === me.id && o.wish !== null), enabled: may, staleTime: Infinity, gcTime: 0, refetchOnWindowFocus: false });
  // What its doses are of.
  const ran = useBefore(order ?? '', null, may && order !== undefined);
  useTitle(pump.data ? `Propose, ${pump.data.serial}` : 'Propose');
  if (pump.isError && !pump.data) {
    return pump.error instanceof Problem && pump.error.status === 404 ? <Empty page title="There is no such pump" action={<Link className="link" to="/fleet" search={{}}>Back to the fleet</Link>} /> : <Trouble page="Propose" what="The pump" error={pump.error} retry={() => void pump.refetch()} />;
  }
  if (first.isError && !first.data && pump.data) return <Empty page title="Nothing can be proposed for this pump now" action={<Link className="link" to="/pumps/$id" params={{ id }} search={{ tab: 'therapy' }}>Back to the pump</Link>}><Why error={first.error} /></Empty>;
  if (lib.error && !lib.lib) return <Trouble page="Propose" what="The drug library" error={lib.error} />;
  if (pump.data && !may) return <Empty page title="Prescribers propose orders" action={<Link className="link" to="/pumps/$id" params={{ id }} search={{ tab: 'therapy' }}>Back to the pump</Link>}>You have no such role at this site.</Empty>;
  if (!pump.data || !first.data || !lib.lib || saved.isPending || back.isPending || (order !== undefined && ran.isPending)) return <div className={css.page}><Loading page="Propose" what="the pump" /><Ghost width="60%" height={40} /><Ghost width="100%" height={480} /></div>;
  const taken = order === undefined ? null : back.data?.find((o) => o.id === order);
  if (back.isError) return <Trouble page="Propose" what="Your orders that came back" error={back.error} retry={() => void back.refetch()} />;
  if (taken === undefined) return <Empty page title="That order cannot be taken up" action={<Link className="link" to="/orders/$id" params={{ id: order! }} search={{}}>Look at order {order}</Link>}>It is no draft of yours for this pump any more.</Empty>;
  return <Form pump={pump.data} now={first.data} lib={lib.lib} saved={saved.data ?? null} taken={taken && { order: taken, of: ran.data?.report.state.contents ?? null }} back={back.data ?? []} />;
}

/** An order that is taken up, and the fluid that its doses are of, if that is known. */
interface Taken { order: Order; of: Contents | null }

function Form({ pump, now, lib, saved, taken: up, back }: { pump: PumpDetail; now: Therapy; lib: LibraryContent; saved: OrderDraft | null; taken: Taken | null; back: readonly Order[] }) {
  const taken = up?.order ?? null;
  // What the form was opened with stays, so that typing is measured against what the person saw.
  const [seen, setSeen] = useState(now);
  const [kept] = useState(() => savedForm(saved, draftOf(now, lib, firstKind(now))));
  // What was typed when the pump ran something else is not put before somebody who came for what it runs now: they take it up, or not.
  const [draft, setDraft] = useState<'none' | 'other' | 'offered' | 'taken'>(kept === null ? 'none' : kept.order !== taken?.id ? 'other' : kept.seen === now.state_hash ? 'taken' : 'offered');
  const blank = (t: Therapy) => (up ? draftFrom(up.order.wish!, t, lib, up.of) : { d: draftOf(t, lib, firstKind(t)), missing: [] });
  const [first] = useState(() => blank(seen));
  const [began, setBegan] = useState<Draft>(() => (draft === 'taken' ? kept!.d : first.d));
  const [d, setD] = useState<Draft>(began);
  const [given, setTyped] = useState<Typed>({ key: '', text: '' });
  const [tried, setTried] = useState(false);
  const summary = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const frozen = useNotLiveSince();
  const moved = now.state_hash !== seen.state_hash;
  const set = (part: Partial<Draft>) => setD((old) => ({ ...old, ...part }));
  const keep = useSaved(pump.id, d, draft === 'taken' ? kept!.seen : seen.state_hash, began, taken?.id);
  const made = useMemo(() => make(d, seen, lib), [d, seen, lib]);
  const { contents: old, program: running } = seen.report.state;
  const code = primaryOf(made.contents);
  const f = drugOf(lib, code);
  const limit = limitFor(lib, code, d.group, made.contents.route);
  const dosed = d.kind === 'program' || d.kind === 'visit';
  const limited = dosed || d.kind === 'bolus' || d.kind === 'prime' || d.kind === 'adopt';
  const groups = groupsFor(lib, made.contents, seen.patient_groups);
  const sites = useKnownSites(pump.id, d.kind === 'transfer');
  const judged = useJudged(pump.id, seen, d, made, lib, moved);
  const large = useMemo(() => largeOf(d.kind, made, seen), [d.kind, made, seen]);
  const typed = typedFor(given, large[0]);
  const confirmed = large.length === 0 || typed.trim() === confirmBy(large[0]!);
  const run = useMutation({
    mutationFn: () => orders.propose(pump.id, judged.wish!, taken?.id),
    onSuccess: async (o) => {
      await keep.forget();
      void queries.invalidateQueries({ queryKey: ['orders'] });
      void navigate({ to: '/orders/$id', params: { id: o.id }, search: {} });
    },
  });
  // What is not filled in yet is no mistake; an amount that is typed wrong is one at once.
  const late = ['reason', 'group', 'site', 'prime'];
  const amounts: readonly string[] = ['bolusDose', 'filled', 'primeMinutes', 'day'] satisfies (keyof Draft)[];
  const empty = (name: string) => late.includes(name) || /^(code|conc) /.test(name) || (amounts.includes(name) && d[name as 'day'].trim() === '');
  const err = (name: string) => (tried || !empty(name) ? made.wrong[name] : undefined);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (judged.wish && made.wish && confirmed && !moved && !run.isPending) run.mutate();
    else requestAnimationFrame(() => summary.current?.focus());
  };
  const afresh = () => {
    const { d: anew } = blank(seen);
    setBegan(anew);
    setD(anew);
    setDraft('none');
    void keep.anew(anew);
  };
  return (
    <form className={css.page} onSubmit={submit} noValidate autoComplete="off" data-propose={pump.id}>
      <header className={css.head}>
        <div className={css.ident}>
          <Link to="/pumps/$id" params={{ id: pump.id }} search={{ tab: 'therapy' }} className={table.back} data-screen><Icon name="left" /> Pump</Link>
          <h1>{taken ? <>Take up <span className={css.quiet}>order {taken.id}</span></> : 'Propose an order'}</h1>
        </div>
        <p className={css.who}><span>Pump <b className="mono">{pump.serial}</b></span>{(pump.patient ?? pump.label) && <span>Patient <b>{pump.patient ?? pump.label}</b></span>}<span>{runWords[seen.report.state.run]}, settings of <Age at={seen.at} /></span></p>
      </header>
      {frozen !== null && <p role="status"><strong>This page is not current:</strong> the connection is being restored. What you typed stays.</p>}
      {((seen.report.path ?? []).length > 0 || seen.report.bridge) && <Suspense fallback={<Ghost width="100%" height={120} />}><InPath report={seen.report} at={seen.at} lib={lib} /></Suspense>}
      {taken && draft !== 'taken' && <p className={css.note}>{taken.mismatches > 0 ? <><strong>Blind entries differed from it {taken.mismatches} times.</strong> {first.missing.length === 0 ? 'It stands here as you proposed it' : 'It stands here as you proposed it but for what is said below'}; compare every value with your source before you propose it again.</> : 'It stands here as you left it.'} It keeps its number.</p>}
      {taken && draft !== 'taken' && first.missing.map((m) => <p key={m} className={css.note}>{missingWord[m]}</p>)}
      {!taken && back.map((o) => <p key={o.id} className={css.note}><strong>{o.mismatches > 0 ? `Order ${o.id} came back to you.` : `Order ${o.id} is a draft of yours.`}</strong> <Link className="link" to="/pumps/$id/propose" params={{ id: pump.id }} search={{ order: o.id }}>Take it up</Link>, or discard it on <Link className="link" to="/orders/$id" params={{ id: o.id }} search={{}}>its page</Link>. What you propose here is another order.</p>)}
      {draft !== 'none' && saved && kept && (
        <div className={css.note} role="status">
          {draft === 'taken' ? <p><strong>This is your draft of <Age at={saved.at} />.</strong> {kept.seen === seen.state_hash ? 'The pump runs what it ran then.' : 'The pump runs something else than then: look at every value again.'}</p>
            : <p><strong>You have a draft of <Age at={saved.at} />, for “{(actWord[kept.d.kind] ?? kept.d.kind).toLowerCase()}”{draft === 'other' && (kept.order ? `, of order ${kept.order}` : ', of an order of its own')}.</strong> {draft === 'offered' && 'The pump runs something else than then, so the form shows what it runs now. '}What you type here takes the draft’s place.</p>}
          {draft === 'other' && <Link className="link" to="/pumps/$id/propose" params={{ id: pump.id }} search={kept.order ? { order: kept.order } : {}}>Go to that draft</Link>}
          {draft === 'offered' && <Button variant="default" size="compact-sm" onClick={() => { setD(kept.d); setDraft('taken'); }}>Take it up</Button>}
          <Button variant="default" size="compact-sm" onClick={afresh}>Discard it and begin anew</Button>
        </div>
      )}
      {moved && (
        <div className={css.note} role="alert">
          <p><strong>The pump’s settings changed since you opened this page.</strong> What you typed is kept. Look at what runs now before you go on.</p>
          <Button variant="default" size="compact-sm" onClick={() => setSeen(now)}>Compare with what runs now</Button>
        </div>
      )}
      {seen.drift && <p className={css.note}><strong>The pump does not run what its last order left it with.</strong> Find out why first.</p>}
      <div className={css.split}>
        <div className={css.form}>
          <Choice label="What kind of order" value={d.kind} onChoose={(kind) => set({ kind, ...(kind === 'visit' ? { life: '30' } : { life: '7' }) })} data={kindsOffered(seen, d)} />
          {d.kind === 'visit' && <Suspense fallback={<Ghost width="100%" height={320} />}><SyringeFields d={d} set={set} err={err} lib={lib} /></Suspense>}
          {limited && (
            <section className={css.section} aria-labelledby="limits-h">
              <h2 id="limits-h">Limits</h2>
              <div className={css.fields}>
                <Choice label="Limits of the group" value={d.group} onChoose={(group) => set({ group })} error={err('group')} data={[...(d.group === '' || !groups.includes(d.group) ? [{ value: '' as const, label: 'Choose' }] : []), ...groups.map((g) => ({ value: g, label: groupWord[g] ?? g }))]} />
              </div>
              {groups.length === 0 && <p className={css.note}>{(d.kind === 'visit' || d.kind === 'adopt') && Object.keys(made.wrong).some((k) => k.startsWith('code ')) ? 'They follow from what is filled in.' : 'The drug library has no limits for these drugs by this route and the patient’s groups, so nothing can be ordered. Ask the pharmacist.'}</p>}
              {limit && d.kind !== 'prime' && <LimitLine f={f} limit={limit} lib={lib} />}
            </section>
          )}
          {dosed && <ProgramFields d={d} made={made} set={set} err={err} lib={lib} limit={limit} run={seen.report.state.run} old={hasProgram(seen) ? { program: running, contents: old } : null} />}
          {d.kind === 'visit' && <Suspense fallback={<Ghost width="100%" height={240} />}><VolumeFields d={d} set={set} err={err} t={seen} /></Suspense>}
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
          {d.kind === 'resume' && <p>The pump runs its kept program again, unchanged: the full dose from before. Whoever stopped it may resume it alone within an hour; later it needs two people. To begin again on less, after an overdose or a lapse, choose “{actWord.program}”.</p>}
          {otherKinds.includes(d.kind) && <Suspense fallback={<Ghost width="100%" height={160} />}><OtherFields d={d} set={set} err={err} t={seen} lib={lib} made={made} pump={pump.id} site={pump.site} /></Suspense>}
          {dosed && made.program && <Starts order={{ act: 'program', program: made.program }} report={seen.report} />}
          {judged.plan && <Suspense fallback={<Ghost width="100%" height={240} />}><PlanShown plan={judged.plan} lib={lib} /></Suspense>}
          <SoftFields d={d} set={set} preview={judged.preview} />
          <ReasonFields d={d} set={set} err={err} life={dosed ? (d.kind === 'visit' ? 30 : 7) : null} />
          <Large all={large} lib={lib} ran={seen.report.state.run !== 1} typed={typed} onTyped={(text) => setTyped({ key: changeKey(large[0]), text })} wrong={tried && !confirmed} />
          <div ref={summary} tabIndex={-1} role="alert">
            {tried && !made.wish && <p className={css.note}>Not proposed yet: {[...new Set(Object.values(made.wrong))].join(' ')}</p>}
            {tried && made.wish && !judged.wish && <p className={css.note}>Not proposed yet: the visit is not computed.</p>}
            {tried && made.wish && !confirmed && <p className={css.note}>Not proposed yet: confirm the size of the change.</p>}
            {run.isError && <Refused what="Not proposed." error={run.error} />}
          </div>
          <div className={css.buttons}>
            <Button type="submit" loading={run.isPending} disabled={moved}>Propose</Button>
            <span className="label">Nothing reaches the pump by this. Others verify, sign and release it.</span>
          </div>
          <p className="label" aria-live="polite">{keep.trouble ? <>What you typed could not be saved on the server: {words(keep.trouble)}</> : keep.at ? <>Your draft is saved on the server, <Age at={keep.at} />. Nobody else sees it.</> : 'What you type is saved on the server as your draft.'}</p>
        </div>
        <div className={css.side}>
          <DayTotals program={made.program} contents={made.contents} run={seen.report.state.run} running={seen.report.state.run === 1 ? running : standing} old={old} volume={n(seen.report.volume_nl)} lib={lib} />
          <Judged judged={judged} lib={lib} />
          <Suspense fallback={<Ghost width="100%" height={520} />}><Trend pump={pump.id} /></Suspense>
        </div>
      </div>
      {judged.preview && <section className={css.section} aria-labelledby="all-h"><h2 id="all-h">Everything that will be signed</h2><Suspense fallback={<Ghost width="100%" height={480} />}><Compare document={{ ...judged.preview.document, reason: d.reason.trim() || 'not given yet' }} therapy={seen} lib={lib} known={{ patients: [d.patient, seen.patient, pump.patient], sites: sites.all }} /></Suspense></section>}
    </form>
  );
}

/** What of a proposal is confirmed once more, beside what the pump runs or has kept. */
function largeOf(kind: Draft['kind'], made: Made, t: Therapy) {
  const { program, contents } = t.report.state;
  const was = { program, contents, idle: n(t.range.idle_rate_nl_day) };
  if (kind === 'bolus') return made.wish?.dose ? largeBolus(was, made.wish.dose) : [];
  if (kind === 'adopt') return largeChanges(was, { ...was, contents: made.contents });
  return made.program ? largeChanges(was, { program: made.program, contents: made.contents, idle: was.idle }) : [];
}

/** The kinds that this pump can be ordered now; what was begun stays chosen. */
function kindsOffered(t: Therapy, d: Draft) {
  const all = kindsFor(t);
  const known = all.some((g) => g.items.includes(d.kind));
  return [...(known ? [] : [{ value: d.kind, label: `${actWord[d.kind]} (not possible now)` }]), ...all.map((g) => ({ group: g.group, items: g.items.map((value) => ({ value, label: actWord[value] ?? value })) }))];
}
