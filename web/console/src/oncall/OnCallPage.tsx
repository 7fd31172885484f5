import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { onCall, type Verifier } from '../api/reports';
import type { OnCall } from '../api/orders';
import { Problem } from '../api/problem';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import lib from '../library/library.module.css';
import { hasAnyRole, hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Choice, Line } from '../ui/Field';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { Why } from '../ui/Why';
import { serverNow } from '../units/clock';
import { duration, parseTime } from '../units/time';

const checkers = ['verifier', 'pharmacist', 'prescriber'] as const;

/** Who can be asked to verify, in which order, and how long each has before the next one is asked. */
export default function OnCallPage() {
  useTitle('On call');
  const me = useMe();
  const queries = useQueryClient();
  const list = useQuery({ queryKey: ['on-call'], queryFn: onCall.list, refetchInterval: 30_000 });
  const [adding, setAdding] = useState(false);
  const [ending, setEnding] = useState<OnCall | null>(null);
  const done = () => { void queries.invalidateQueries({ queryKey: ['on-call'] }); setAdding(false); setEnding(null); };
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">On call</h1>
        {hasAnyRole(me, checkers) && <Button onClick={() => setAdding(true)}>Put somebody on call</Button>}
      </div>
      <p className={css.muted}>An order that waits for its second person is brought to the first who is on call at its site; without an answer in time, to the next. Whoever is asked sees it at the head of every page.</p>
      {list.isPending && <><Loading what="who is on call" /><Ghost width="100%" height={160} /></>}
      {list.isError && !list.data && <Trouble what="Who is on call" error={list.error} retry={() => void list.refetch()} />}
      {list.isError && list.data && <NotCurrent of={list} />}
      {list.data?.length === 0 && <Empty title="Nobody is on call">An order that waits then waits until somebody looks: nobody is asked.{!hasAnyRole(me, checkers) && ' Prescribers, verifiers and pharmacists put people on call.'}</Empty>}
      {list.data && list.data.length > 0 && <Times all={list.data} onEnd={setEnding} />}
      {adding && <Dialog title="Put somebody on call" onClose={() => setAdding(false)}><AddForm onDone={done} onClose={() => setAdding(false)} /></Dialog>}
      {ending && <Dialog title={`Take ${ending.name} off call`} onClose={() => setEnding(null)}><EndForm of={ending} onDone={done} onClose={() => setEnding(null)} /></Dialog>}
    </div>
  );
}

function Times({ all, onEnd }: { all: readonly OnCall[]; onEnd: (c: OnCall) => void }) {
  const me = useMe();
  const sites = useSites();
  const now = serverNow();
  const runs = (c: OnCall) => (parseTime(c.from) ?? 0) <= now && now < (parseTime(c.to) ?? 0);
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Times on call, by site and rank</caption>
        <thead><tr><th scope="col">Site</th><th scope="col">Asked</th><th scope="col">Person</th><th scope="col">State</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Next is asked after</th><th scope="col"><span className="sr-only">Acts</span></th></tr></thead>
        <tbody>
          {all.toSorted((a, b) => Number(a.site) - Number(b.site) || a.rank - b.rank).map((c) => (
            <tr key={c.id}>
              <td data-name="Site">{sites.short(c.site)}</td>
              <td data-name="Asked">{c.rank === 1 ? 'first' : c.rank === 2 ? 'second' : c.rank === 3 ? 'third' : `${c.rank}th`}</td>
              <td data-name="Person">{c.name}</td>
              <td data-name="State">{runs(c) ? <span className={css.tag} data-strong>on call now</span> : <span className={css.tag}>later</span>}</td>
              <td data-name="From" className={css.fixed}><Stamp at={c.from} /></td>
              <td data-name="To" className={css.fixed}><Stamp at={c.to} /></td>
              <td data-name="Next after">{duration(c.wait_s)}</td>
              <td data-name="">{hasRole(me, c.site, checkers) && <Button variant="default" size="compact-sm" onClick={() => onEnd(c)}>Take off…<span className="sr-only"> {c.name}</span></Button>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const local = (t: number): string => { const d = new Date(t - new Date(t).getTimezoneOffset() * 60_000); return d.toISOString().slice(0, 16); };
const role: Record<string, string> = { verifier: 'verifier', pharmacist: 'pharmacist' };

function AddForm({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const me = useMe();
  const sites = useSites();
  const mine = sites.list.filter((s) => hasRole(me, s.id, checkers));
  const people = useQuery({ queryKey: ['verifiers'], queryFn: onCall.verifiers });
  const [picked, setSite] = useState('');
  // The sites may come after the form.
  const site = (mine.find((s) => s.id === picked) ?? mine[0])?.id ?? '';
  const [user, setUser] = useState('');
  const [from, setFrom] = useState(() => local(serverNow()));
  const [to, setTo] = useState(() => local(serverNow() + 12 * 3_600_000));
  const [rank, setRank] = useState('1');
  const [wait, setWait] = useState('10');
  const here = (people.data ?? []).filter((p: Verifier) => p.site === site);
  const who = here.find((p) => p.user === user) ?? here[0];
  const minutes = /^[1-9]\d{0,3}$/.test(wait) ? Number(wait) : null;
  const act = useMutation({ mutationFn: () => onCall.set({ site, user: who!.user, from: new Date(from).toISOString(), to: new Date(to).toISOString(), rank: Number(rank), wait_s: minutes! * 60 }), onSuccess: onDone });
  const field = (name: string) => (act.error instanceof Problem ? act.error.fields.find((f) => f.location.replace(/^body\./, '') === name)?.message : undefined);
  const ready = who !== undefined && minutes !== null && from !== '' && to !== '';
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (ready && !act.isPending) act.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={lib.form}>
      <Choice label="Site" value={site} onChoose={setSite} data={mine.map((s) => ({ value: s.id, label: s.name }))} error={field('site')} />
      {people.isError && !people.data && <Trouble what="The people who verify" error={people.error} retry={() => void people.refetch()} />}
      <Choice label="Person" value={who?.user ?? ''} onChoose={setUser} data={here.map((p) => ({ value: p.user, label: `${p.name}, ${role[p.role] ?? p.role}` }))} error={field('user') ?? (people.data && here.length === 0 ? 'Nobody verifies at this site.' : undefined)} />
      <Line type="datetime-local" label="From" value={from} onText={setFrom} error={field('from')} />
      <Line type="datetime-local" label="To" value={to} onText={setTo} error={field('to')} />
      <Choice label="Asked" value={rank} onChoose={setRank} data={[{ value: '1', label: 'first' }, { value: '2', label: 'second' }, { value: '3', label: 'third' }, { value: '4', label: 'fourth' }]} error={field('rank')} />
      <Line label="Minutes without an answer before the next one is asked" value={wait} onText={setWait} inputMode="numeric" error={minutes === null ? 'A whole number of minutes, 1 to 1440.' : field('wait_s')} />
      {act.isError && <p role="alert" className={lib.note}><Why error={act.error} /></p>}
      <div className={lib.acts}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={act.isPending} disabled={!ready}>Put on call</Button></div>
    </form>
  );
}

function EndForm({ of: c, onDone, onClose }: { of: OnCall; onDone: () => void; onClose: () => void }) {
  const act = useMutation({ mutationFn: () => onCall.end(c.id), onSuccess: onDone });
  return (
    <div className={lib.form}>
      <p>{c.name} is asked no more from now on. Orders that wait go to the next who is on call.</p>
      {act.isError && <p role="alert" className={lib.note}><Why error={act.error} /></p>}
      <div className={lib.acts}><Button variant="default" onClick={onClose}>Cancel</Button><Button onClick={() => act.mutate()} loading={act.isPending} data-autofocus>Take off call</Button></div>
    </div>
  );
}
