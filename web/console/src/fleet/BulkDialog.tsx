import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useMemo, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { type Action, fleetApi, type FrozenList, type Run, type RunItem, type RunSlip } from '../api/fleet';
import { words } from '../api/problem';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';
import { Side } from '../ui/Side';
import { Loading, Trouble } from '../ui/states';
import { parseTime, stamp } from '../units/time';
import Slip from '../pump/Slip';
import css from './Fleet.module.css';

interface Props {
  /** The filter that the rows were picked under. */
  filter: string;
  /** The pumps; null for all that the filter means. */
  pumps: readonly string[] | null;
  /** What is offered first. */
  first?: { readonly action: Action; readonly text: string };
  onClose: () => void;
  /** Work has begun: the selection has been used. */
  onBegun: () => void;
}

const actionWord: Record<Action, string> = {
  tag: 'Give tags', untag: 'Take tags away', group: 'Put into a group', ungroup: 'Take out of a group', claim: 'Make claim slips', revoke: 'Revoke the links',
};

/**
 * Work on many pumps: what is meant is frozen before anything else, said with its count and filter, and worked on by number. The
 * server goes on by itself; closing this changes nothing.
 */
export default function BulkDialog({ filter, pumps, first, onClose, onBegun }: Props) {
  const [run, setRun] = useState<Run | null>(null);
  const frozen = useQuery({
    queryKey: ['frozen', filter, pumps], staleTime: Infinity, gcTime: 0, retry: false, refetchOnWindowFocus: false,
    queryFn: () => fleetApi.freeze(filter, pumps ? [...pumps] : undefined),
  });
  return (
    <Side title={run ? actionWord[run.action] : 'Work on many pumps'} onClose={onClose}>
      {frozen.isPending && <Loading what="the pumps" />}
      {frozen.isError && <Trouble what="What is meant" error={frozen.error} retry={() => void frozen.refetch()} />}
      {frozen.data && !run && <Begin list={frozen.data} first={first} onClose={onClose} onBegun={(r) => { setRun(r); onBegun(); }} />}
      {!run && <Runs onOpen={setRun} />}
      {run && <Progress run={run} onClose={onClose} />}
    </Side>
  );
}

function Meant({ count, filter, picked }: { count: number; filter: string; picked: boolean }) {
  return (
    <div className={css.meant}>
      <p><strong>{count} {count === 1 ? 'pump' : 'pumps'}</strong>{picked ? ', selected' : ''}</p>
      <p className="label">{filter ? <>Filter <code>{filter}</code></> : picked ? 'Without a filter' : 'All pumps of your sites'}</p>
    </div>
  );
}

function Begin({ list, first, onClose, onBegun }: { list: FrozenList; first: Props['first']; onClose: () => void; onBegun: (r: Run) => void }) {
  const me = useMe();
  const engineer = me.roles.some((r) => r.role === 'engineer');
  const groups = useQuery({ queryKey: ['groups'], queryFn: fleetApi.groups, staleTime: 30_000 });
  const [action, setAction] = useState<Action>(first?.action ?? 'tag');
  const [text, setText] = useState(first?.text ?? '');
  const [group, setGroup] = useState('');
  const [tried, setTried] = useState(false);
  // One key for one run: a second click, or a try after a lost answer, is the same run; something else is another.
  const asked = JSON.stringify([action, text, group]);
  const key = useMemo(() => ({ of: asked, once: crypto.randomUUID() }).once, [asked]);
  const byHand = groups.data?.filter((g) => g.filter === '') ?? [];
  const tags = text.split(/[\s,]+/).filter(Boolean);
  const begin = useMutation({
    mutationFn: () => {
      if (action === 'revoke') return fleetApi.revoke(key, list.id, text.trim());
      if (action === 'group' || action === 'ungroup') return fleetApi.begin(key, { frozen: list.id, action, group });
      return fleetApi.begin(key, { frozen: list.id, action, ...(action === 'claim' ? {} : { tags }) });
    },
    onSuccess: onBegun,
  });
  const grouped = action === 'group' || action === 'ungroup';
  const tagged = action === 'tag' || action === 'untag';
  const ready = grouped ? group !== '' : tagged ? tags.length > 0 : action === 'claim' || text.trim() !== '';
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (ready && !begin.isPending) begin.mutate();
  };
  const until = parseTime(list.expires_at);
  const actions: readonly Action[] = engineer ? ['tag', 'untag', 'group', 'ungroup', 'claim', 'revoke'] : ['tag', 'untag', 'group', 'ungroup'];
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <Meant count={list.count} filter={list.filter} picked={list.picked} />
      <p className="label">Exactly these pumps are worked on, whatever comes under the filter or leaves it meanwhile. Begin before {until === null ? 'it expires' : stamp(until)}.</p>
      <Choice label="What to do" value={action} onChoose={(a) => { setAction(a); setText(''); setTried(false); }} data={actions.map((a) => ({ value: a, label: actionWord[a] }))} data-autofocus />
      {tagged && <Line label="Tags" description="Small letters, digits, dots and hyphens; blanks between them" value={text} onText={setText} error={tried && !ready ? 'Name at least one tag.' : undefined} />}
      {grouped && <Choice label="Group" value={group} onChoose={setGroup} error={tried && !ready ? 'Choose a group.' : undefined} data={[{ value: '', label: byHand.length > 0 ? 'Choose…' : 'There is no group by hand yet' }, ...byHand.map((g) => ({ value: g.id, label: g.name }))]} />}
      {action === 'claim' && <p>Each pump gets a claim slip in place of an earlier one. The codes are shown here once and kept nowhere.</p>}
      {action === 'revoke' && (
        <>
          <p>The connections are cut and the certificates are revoked. The pumps go on infusing, unwatched, until they enrol again.</p>
          <Line label="Reason" value={text} onText={setText} maxLength={300} error={tried && !ready ? 'Say why; it goes into the record of each pump.' : undefined} />
        </>
      )}
      {begin.isError && <p role="alert" className={alarmCss.problem}>{words(begin.error)}</p>}
      <div className={alarmCss.buttons}>
        <Button variant="default" onClick={onClose}>Cancel</Button>
        <Button type="submit" loading={begin.isPending}>{actionWord[action]}: {list.count} {list.count === 1 ? 'pump' : 'pumps'}</Button>
      </div>
    </form>
  );
}

/** How many earlier runs are offered. */
const offered = 10;

/** What one has begun before, so that how far it is, what was refused and its slips are found again. */
function Runs({ onOpen }: { onOpen: (r: Run) => void }) {
  const runs = useQuery({ queryKey: ['runs'], queryFn: fleetApi.runs, staleTime: 0 });
  if (runs.isError) return <Trouble what="Your earlier work" error={runs.error} retry={() => void runs.refetch()} />;
  if (!runs.data || runs.data.length === 0) return null;
  return (
    <section aria-label="Your earlier work">
      <h3 className="h2">Your earlier work</h3>
      <ul className={css.outcomes}>
        {runs.data.slice(0, offered).map((r) => {
          const at = parseTime(r.created_at);
          const what = `${actionWord[r.action]}: ${r.count} ${r.count === 1 ? 'pump' : 'pumps'}`;
          const when = at === null ? '' : stamp(at);
          return (
            <li key={r.id} className={css.outcome}>
              <span>{when}</span>
              <span>{what}, {r.state === 'running' ? `${r.waiting} left` : r.state}{r.refused > 0 && `, ${r.refused} refused`} <Button variant="subtle" size="compact-sm" aria-label={`Open what was begun ${when}`} onClick={() => onOpen(r)}>Open</Button></span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Progress({ run: begun, onClose }: { run: Run; onClose: () => void }) {
  const queries = useQueryClient();
  const read = useQuery({
    queryKey: ['run', begun.id], queryFn: () => fleetApi.run(begun.id), initialData: begun,
    refetchInterval: (q) => (q.state.data?.state === 'running' ? 500 : false),
  });
  const run = read.data;
  const ended = run.state !== 'running';
  const refused = useQuery({ queryKey: ['run-items', run.id, run.refused], enabled: run.refused > 0, queryFn: async () => allItems(run.id, 'refused') });
  const stop = useMutation({ mutationFn: () => fleetApi.stop(run.id), onSuccess: (r) => queries.setQueryData(['run', run.id], r) });
  useEffect(() => {
    if (ended) void queries.invalidateQueries({ queryKey: ['groups'] });
  }, [ended, queries]);
  const done = run.done + run.refused;
  return (
    <div className={css.run}>
      <Meant count={run.count} filter={run.filter} picked={false} />
      <div>
        <p role="status">
          {ended ? (run.state === 'done' ? 'Finished: ' : 'Stopped: ') : ''}{run.done} done, {run.refused} refused, {run.waiting} left{ended ? '.' : '…'} {run.why}
        </p>
        <div className={css.bar} aria-hidden><div className={css.barDone} style={{ width: `${run.count > 0 ? (done / run.count) * 100 : 0}%` }} /></div>
        {!ended && run.action !== 'claim' && <p className="label">The server goes on with it by itself; this may be closed.</p>}
      </div>
      {run.action === 'claim' && <Slips run={run} onRun={(r) => queries.setQueryData(['run', run.id], r)} />}
      {read.isError && <Trouble what="How far it is" error={read.error} retry={() => void read.refetch()} />}
      {refused.data && refused.data.length > 0 && (
        <section aria-label="Refused">
          <h3 className="h2">Refused</h3>
          <ul className={css.outcomes}>{refused.data.map((i) => <li key={i.pump} className={css.outcome}><span className="mono">{i.serial}</span><span>{i.detail}</span></li>)}</ul>
        </section>
      )}
      {stop.isError && <p role="alert" className={alarmCss.problem}>{words(stop.error)}</p>}
      <div className={alarmCss.buttons}>
        {!ended && <Button variant="default" loading={stop.isPending} onClick={() => stop.mutate()}>Stop</Button>}
        <Button onClick={onClose}>{ended ? 'Close' : 'Close, let it go on'}</Button>
      </div>
    </div>
  );
}

async function allItems(id: string, state: RunItem['state']): Promise<RunItem[]> {
  const all: RunItem[] = [];
  let after: string | undefined;
  do {
    const page = await fleetApi.items(id, state, after);
    all.push(...page.items);
    after = page.next ?? undefined;
  } while (after && all.length < 1000);
  return all;
}

/** Claim slips, fifty at a time: made when they are asked for, shown now and never again. */
function Slips({ run, onRun }: { run: Run; onRun: (r: Run) => void }) {
  const [slips, setSlips] = useState<readonly RunSlip[]>([]);
  const [key, setKey] = useState(() => crypto.randomUUID());
  const [open, setOpen] = useState<RunSlip | null>(null);
  const make = useMutation({
    mutationFn: () => fleetApi.slips(key, run.id),
    onSuccess: (r) => {
      setKey(crypto.randomUUID()); // the next fifty are another request
      setSlips((old) => [...old, ...r.slips]);
      onRun(r.run);
    },
  });
  if (open) return <Slip slip={open} serial={open.serial} onClose={() => setOpen(null)} />;
  return (
    <section aria-label="Claim slips">
      {slips.length > 0 && (
        <ul className={css.outcomes}>
          {slips.map((s) => <li key={s.pump} className={css.outcome}><span className="mono">{s.serial}</span><span><span className="mono">{s.code}</span> <Button variant="subtle" size="compact-sm" onClick={() => setOpen(s)} aria-label={`Slip of ${s.serial}`}>Show the slip</Button></span></li>)}
        </ul>
      )}
      {make.isError && <p role="alert" className={alarmCss.problem}>{words(make.error)}</p>}
      {run.state === 'running' && run.waiting > 0 && <Button loading={make.isPending} onClick={() => make.mutate()}>Make {Math.min(50, run.waiting)} {slips.length > 0 ? 'more' : 'slips'}</Button>}
    </section>
  );
}
