import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { devices, type Work } from '../api/devices';
import { useLive } from '../app/live';
import { useAddress } from '../app/useAddress';
import { useChange } from '../app/useChange';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import { EndWork, type Ending, workWord } from '../pump/WorkList';
import { hasAnyRole, hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { today } from '../ui/Field';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import { UNKNOWN } from '../units/quantity';
import css from '../ui/Table.module.css';
import { Download } from '../ui/Download';
import { isIn, readWorkSearch, type Span } from './search';

const route = getRouteApi('/frame/work');
const SOON_DAYS = 30;
const spans: readonly { readonly span: Span; readonly name: string }[] = [{ span: 'overdue', name: 'Overdue' }, { span: 'soon', name: `Within ${SOON_DAYS} days` }, { span: 'all', name: 'Within a year' }];

function inDays(n: number): string {
  const d = new Date();
  d.setDate(d.getDate() + n);
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
}

/** The work that is planned on all devices of one's sites, by the day on which it is due. */
export default function WorkPage() {
  const search = useAddress(route.useSearch(), readWorkSearch);
  const change = useChange(readWorkSearch);
  const queries = useQueryClient();
  const list = useQuery({ queryKey: ['work', 'due'], queryFn: devices.dueWork, refetchInterval: 60_000 });
  const [ending, setEnding] = useState<Ending | null>(null);
  const me = useMe();
  const span = search.span ?? 'all';
  useTitle('Maintenance', { title: `Maintenance that is planned, ${spans.find((s) => s.span === span)!.name.toLowerCase()}` });
  const [now, soon] = [today(), inDays(SOON_DAYS)];
  const all = list.data ?? [];
  const shown = all.filter((w) => isIn(span, w.due_on, now, soon));
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['work'] });
    void queries.invalidateQueries({ queryKey: ['communicators'] });
    setEnding(null);
  };
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Maintenance</h1>
        <div className={css.tools} data-screen><Button variant="default" onClick={() => window.print()}>Print the list</Button></div>
      </div>
      <p className={css.muted}>Work that is planned on pumps and communicators. It is planned, and what was done is noted, on the page of each.</p>
      <p className={css.muted} data-screen>For a maintenance system (CMMS), as files: <Download href="/api/v1/cmms/assets.csv">all assets</Download>, <Download href="/api/v1/cmms/work.csv">all work</Download>. Programs ask the API for what changed since their last time.</p>
      <fieldset className={css.switch} data-screen>
        <legend className="sr-only">Due</legend>
        {spans.map((s) => (
          <button key={s.span} type="button" aria-pressed={span === s.span} onClick={() => change({ span: s.span === 'all' ? undefined : s.span })}>
            {s.name} <span className={css.n}>{list.data ? all.filter((w) => isIn(s.span, w.due_on, now, soon)).length : '…'}</span>
          </button>
        ))}
      </fieldset>
      {list.isPending && <><Loading what="the work that is due" /><Ghost width="100%" height={240} /></>}
      {list.isError && !list.data && <Trouble what="The work that is due" error={list.error} retry={() => void list.refetch()} />}
      {list.isError && list.data && <NotCurrent of={list} />}
      {list.data && shown.length === 0 && <Empty title={span === 'overdue' ? 'Nothing is overdue' : 'Nothing is planned'}>{hasAnyRole(me, ['engineer', 'nurse']) ? 'Plan work on the page of a pump, under Identity, or on the sheet of a communicator.' : 'Engineers and nurses plan work on the page of a pump; it appears here.'}</Empty>}
      {shown.length > 0 && <WorkTable rows={shown} now={now} onEnd={setEnding} />}
      {ending && <EndWork {...ending} onDone={done} onClose={() => setEnding(null)} />}
    </div>
  );
}

function WorkTable({ rows, now, onEnd }: { rows: readonly Work[]; now: string; onEnd: (e: Ending) => void }) {
  const me = useMe();
  const sites = useSites();
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Planned work, the earliest first</caption>
        <thead><tr><th scope="col">Due</th><th scope="col">Device</th><th scope="col">Work</th><th scope="col">Site</th><th scope="col">Planned by</th><th scope="col" data-screen><span className="sr-only">Acts</span></th></tr></thead>
        <tbody>
          {rows.map((w) => (
            <tr key={w.id}>
              <td data-name="Due" className={css.fixed}><span>{w.due_on} {w.due_on < now && <span className={css.tag} data-strong>overdue</span>}</span></td>
              <td data-name="Device"><Device of={w} /></td>
              <td data-name="Work"><What of={w} /></td>
              <td data-name="Site">{sites.short(w.site)}</td>
              <td data-name="Planned by">{w.created_by}</td>
              <td data-screen>
                {hasRole(me, w.site, ['engineer', 'nurse']) && (
                  <div className={css.row}>
                    <Button variant="default" size="compact-sm" onClick={() => onEnd({ work: w, state: 'done' })}>Done…<span className="sr-only"> {workWord[w.kind]}, due {w.due_on}</span></Button>
                    <Button variant="subtle" size="compact-sm" onClick={() => onEnd({ work: w, state: 'dropped' })}>Drop…<span className="sr-only"> {workWord[w.kind]}, due {w.due_on}</span></Button>
                  </div>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const What = ({ of: w }: { of: Work }) => <span><strong>{workWord[w.kind]}</strong> <span className={css.pre}>{w.text}</span></span>;

function Device({ of: w }: { of: Work }) {
  const { pumps } = useLive().sync;
  if (w.communicator) return <span><Link className="link mono" to="/devices" search={{ open: w.communicator }}>{w.communicator}</Link> <span className="label">communicator</span></span>;
  const p = w.pump ? pumps.get(w.pump) : undefined;
  return <span><Link className="link mono" to="/pumps/$id" params={{ id: w.pump! }} search={{ tab: 'identity' }}>{p?.serial ?? UNKNOWN}</Link> <span className="label">{p?.label}</span></span>;
}
