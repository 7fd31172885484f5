import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { devices, type RecallDetail, type RecallDevice, type RecallPreview } from '../api/devices';
import { Problem } from '../api/problem';
import { useLive } from '../app/live';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import { deviceWord } from '../pump/Life';
import { hasAnyRole, hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Choice, Line } from '../ui/Field';
import { Icon } from '../ui/Icon';
import { ReasonForm } from '../ui/ReasonForm';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { Download } from '../ui/Download';
import { actorName } from '../units/plain';
import { ContactForm, contactWord, wayWord } from './ContactForm';
import { Progress, severityWord } from './RecallsPage';

const route = getRouteApi('/frame/recalls/$id');

type Act = { name: 'confirm' | 'remove' | 'close' | 'reopen' | 'contact'; device: RecallDevice } | { name: 'add' | 'closed' | 'withdrawn' };

/** One recall: what it says, and the list of one's devices with who was reached and what was done. */
export default function RecallPage() {
  const { id } = route.useParams();
  const query = useQuery({ queryKey: ['recalls', id], queryFn: () => devices.recall(id), refetchInterval: 30_000 });
  useTitle(query.data ? `Recall ${query.data.reference}` : 'Recall');
  if (query.isPending) return <div className={css.page}><Loading page="Recall" what="the recall" /><Ghost width="100%" height={320} /></div>;
  if (query.isError && query.error instanceof Problem && query.error.status === 404) return <Empty page title="There is no such recall" action={<Link className="link" to="/recalls" search={{}}>All recalls</Link>} />;
  if (!query.data) return <Trouble page="Recall" what="The recall" error={query.error} retry={() => void query.refetch()} />;
  return <Page of={query.data} stale={query.isError} />;
}

function Page({ of: r, stale }: { of: RecallDetail; stale: boolean }) {
  const me = useMe();
  const queries = useQueryClient();
  const [act, setAct] = useState<Act | null>(null);
  const engineer = hasAnyRole(me, ['engineer']) && r.state === 'open';
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['recalls'] });
    void queries.invalidateQueries({ queryKey: ['pump'] });
    setAct(null);
  };
  const left = r.counts.check + r.counts.open;
  return (
    <article className={css.page}>
      <div className={css.head}>
        <div>
          <Link to="/recalls" search={{}} className={css.back} data-screen><Icon name="left" /> Recalls</Link>
          <h1 className="h1">{r.reference} <span className={css.muted}>{r.maker}</span></h1>
          <p>{r.title}</p>
        </div>
        <div className={`${css.tools} ${css.end}`} data-screen>
          <Download href={`/api/v1/recalls/${r.id}/export`}>CSV</Download>
          <Button variant="default" onClick={() => window.print()}>Print the list</Button>
          {engineer && <Button variant="default" onClick={() => setAct({ name: 'add' })}>Add a {r.device}</Button>}
          {engineer && <Button variant="default" onClick={() => setAct({ name: 'withdrawn' })}>Withdraw</Button>}
          {engineer && <Button disabled={left > 0} aria-describedby={left > 0 ? 'left' : undefined} onClick={() => setAct({ name: 'closed' })}>Close the recall</Button>}
          {engineer && left > 0 && <p id="left" className={css.after}>It can be closed when none of your devices is left to do: {[r.counts.check > 0 && `${r.counts.check} to check`, r.counts.open > 0 && `${r.counts.open} open`].filter(Boolean).join(', ')}.</p>}
        </div>
      </div>
      {stale && <p role="status"><strong>This page is not current:</strong> the last answer failed.</p>}
      {r.state !== 'open' && <p role="status"><strong>This recall was {r.state}</strong> by {actorName(r.state_by)} <Stamp at={r.state_at} full />: {r.state_why}</p>}
      <div className={css.grid2}>
        <dl className={css.facts}>
          <div><dt className="label">Class</dt><dd><span className={css.tag} data-strong={r.severity === 'I' || undefined}>{r.severity}</span> {severityWord[r.severity]}</dd></div>
          <div><dt className="label">Issued</dt><dd>{r.issued_on}</dd></div>
          <div><dt className="label">Source</dt><dd>{r.source}</dd></div>
          <div><dt className="label">Recorded</dt><dd>{actorName(r.created_by)} <span className="label"><Stamp at={r.created_at} full /></span></dd></div>
          <Criteria of={r} />
        </dl>
        <div><p className={css.pre}>{r.text}</p></div>
      </div>
      <section aria-labelledby="list">
        <div className={css.head}><h2 id="list" className="h2">Your devices</h2><Progress of={r} /></div>
        {r.devices.length === 0 ? <Empty title={`None of your ${r.device}s is concerned`}>Those that are registered from now on are judged as they are registered.</Empty> : <Worklist of={r} onAct={setAct} />}
        {hasAnyRole(me, ['engineer']) && <Others of={r} />}
      </section>
      {act && <ActDialog of={r} act={act} onDone={done} onClose={() => setAct(null)} />}
    </article>
  );
}

/** Pumps and communicators in use need no word for it. */
const wordOf = (status: string) => (status === 'active' ? '' : status);

const serialOf = (d: RecallDevice) => d.communicator || d.pump_serial;

/** A pump leads to its page, a communicator to its sheet. */
function DeviceLink({ serial, pump }: { serial: string; pump: string | null }) {
  if (pump) return <Link className="link mono" to="/pumps/$id" params={{ id: pump }} search={{}}>{serial}</Link>;
  return <Link className="link mono" to="/devices" search={{ open: serial }}>{serial}</Link>;
}

/** One's devices that are not on the list, with the reason: whoever misses one there must not have to guess. */
function Others({ of: r }: { of: RecallDetail }) {
  const [open, setOpen] = useState(false);
  const query = useQuery({ queryKey: ['recalls', r.id, 'others'], queryFn: () => devices.previewRecall(r.device, r.maker, r.criteria), enabled: open });
  return (
    <details className={css.details} data-screen onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{r.device === 'pump' ? 'Pumps' : 'Communicators'} that are not concerned, and why</summary>
      {open && query.isPending && <><Loading what="the devices that are not concerned" /><Ghost width="100%" height={96} /></>}
      {query.isError && !query.data && <Trouble what="The list of devices that are not concerned" error={query.error} retry={() => void query.refetch()} />}
      {query.data && <OthersList of={query.data} device={r.device} listed={new Set(r.devices.map(serialOf))} />}
    </details>
  );
}

function OthersList({ of: p, device, listed }: { of: RecallPreview; device: RecallDetail['device']; listed: ReadonlySet<string> }) {
  // One that was added by hand is on the list, whatever the rule says of it.
  const others = p.others.filter((o) => !listed.has(o.serial));
  const byHand = p.others.length - others.length;
  return (
    <>
      <p className="label">As the rule judges your {device}s now, retired ones left out.</p>
      {others.length === 0 ? <p>None.</p> : (
        <ul className={css.list}>{others.map((o) => <li key={o.serial}><DeviceLink serial={o.serial} pump={device === 'pump' ? o.pump : null} /> <span className={css.muted}>{o.why}</span></li>)}</ul>
      )}
      {p.excluded > others.length + byHand && <p className="label">and {p.excluded - others.length - byHand} more</p>}
    </>
  );
}

function Criteria({ of: r }: { of: RecallDetail }) {
  const c = r.criteria;
  const rows: [string, string[]][] = [['Models', c.models], ['Device identifiers', c.device_ids], ['Serials', c.ranges.map((x) => (x.first === x.last ? x.first : `${x.first} to ${x.last}`))], ['Lots', c.lots]];
  return <>{rows.filter(([, v]) => v.length > 0).map(([k, v]) => <div key={k}><dt className="label">{k}</dt><dd className="mono">{v.map((s) => <div key={s}>{s}</div>)}</dd></div>)}</>;
}

function Worklist({ of: r, onAct }: { of: RecallDetail; onAct: (a: Act) => void }) {
  const me = useMe();
  const sites = useSites();
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Devices, what is to be done first</caption>
        <thead><tr><th scope="col">{r.device === 'pump' ? 'Pump' : 'Communicator'}</th><th scope="col">State</th><th scope="col">Why it is here</th><th scope="col">Contacts</th><th scope="col">Done</th><th scope="col" data-screen><span className="sr-only">Acts</span></th></tr></thead>
        <tbody>
          {r.devices.map((d) => {
            const open = r.state === 'open';
            const engineer = open && hasRole(me, d.site, ['engineer']);
            const caller = open && d.state !== 'removed' && hasRole(me, d.site, ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist']);
            const button = (name: Exclude<Act, { name: 'add' | 'closed' | 'withdrawn' }>['name'], text: string) => <Button key={name} variant="default" size="compact-sm" onClick={() => onAct({ name, device: d })}>{text}…<span className="sr-only"> {serialOf(d)}</span></Button>;
            return (
              <tr key={serialOf(d)} data-device={serialOf(d)}>
                <td data-name={r.device === 'pump' ? 'Pump' : 'Device'} className={css.fixed}>
                  <DeviceLink serial={serialOf(d)} pump={d.communicator ? null : d.pump} />
                  <span className={`label ${css.under}`}>{[d.communicator ? d.model : d.pump_label, sites.short(d.site), wordOf(d.status)].filter(Boolean).join(' · ')}</span>
                  {d.communicator && d.pump && <span className={css.under}>serves <Link className="link mono" to="/pumps/$id" params={{ id: d.pump }} search={{}}>{d.pump_serial}</Link> <span className="label">{d.pump_label}</span></span>}
                </td>
                <td data-name="State"><span className={css.tag} data-strong={d.state === 'open' || d.state === 'check' || undefined} data-quiet={d.state === 'removed' || undefined}>{deviceWord[d.state]}</span></td>
                <td data-name="Why it is here">{d.how === 'added' ? 'Added by hand: ' : ''}{d.why}</td>
                <td data-name="Contacts">{d.contacts.length === 0 ? <span className="label">nobody yet</span> : <ul>{d.contacts.map((c) => <li key={c.id}><strong>{contactWord[c.outcome]}</strong> <span className="label"><Stamp at={c.at} /> {c.caller} to {c.contacted}, {wayWord[c.way]}{c.note ? `: ${c.note}` : ''}</span></li>)}</ul>}</td>
                <td data-name="Done">{d.outcome ? <span><strong>{outcomes[d.outcome as keyof typeof outcomes] ?? d.outcome}</strong>: {d.state_why} <span className="label">{actorName(d.state_by)} <Stamp at={d.state_at} /></span></span> : d.state === 'removed' ? d.state_why : null}</td>
                <td data-name="" data-screen>
                  <div className={css.row}>
                    {caller && d.state !== 'closed' && button('contact', 'Log contact')}
                    {engineer && d.state === 'check' && button('confirm', 'Confirm')}
                    {engineer && d.state === 'open' && button('close', 'Close')}
                    {engineer && (d.state === 'check' || d.state === 'open') && button('remove', 'Not concerned')}
                    {engineer && d.state === 'closed' && button('reopen', 'Reopen')}
                  </div>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const outcomes = { replaced: 'Replaced', corrected: 'Corrected', inspected: 'Inspected and found good', monitored: 'Stays in, monitored', explanted: 'Taken out', lost: 'Cannot be reached any more', declined: 'The patient declined' } as const;

function ActDialog({ of: r, act, onDone, onClose }: { of: RecallDetail; act: Act; onDone: () => void; onClose: () => void }) {
  const { pumps } = useLive().sync;
  const comms = useQuery({ queryKey: ['communicators'], queryFn: devices.communicators, enabled: act.name === 'add' && r.device === 'communicator' });
  const [serial, setSerial] = useState('');
  const [outcome, setOutcome] = useState<keyof typeof outcomes>('replaced');
  const [tried, setTried] = useState(false);
  const shared = { onDone, onClose };
  switch (act.name) {
    case 'contact':
      return <Dialog title={`Contact about ${serialOf(act.device)}`} onClose={onClose}><ContactForm recall={r.id} device={act.device} {...shared} /></Dialog>;
    case 'confirm':
      return <Dialog title={`${serialOf(act.device)} is concerned`} onClose={onClose}><ReasonForm effect={`Somebody has looked: the recall concerns this ${r.device}.${r.device === 'pump' ? ' It gets the alarm for it.' : ''}`} label="What was looked at" button="Confirm" {...shared} run={(why) => devices.recallDevice(r.id, act.device, 'confirm', why)} /></Dialog>;
    case 'remove':
      return <Dialog title={`${serialOf(act.device)} is not concerned`} onClose={onClose}><ReasonForm effect={r.device === 'pump' ? 'It leaves the list, and its alarm for this recall ends.' : 'It leaves the list.'} button="Not concerned" {...shared} run={(why) => devices.recallDevice(r.id, act.device, 'remove', why)} /></Dialog>;
    case 'reopen':
      return <Dialog title={`Reopen ${serialOf(act.device)}`} onClose={onClose}><ReasonForm effect={`The closure was a mistake: the ${r.device} is to be looked after again.`} button="Reopen" {...shared} run={(why) => devices.recallDevice(r.id, act.device, 'reopen', why)} /></Dialog>;
    case 'close':
      return (
        <Dialog title={`Close ${serialOf(act.device)}`} onClose={onClose}>
          <ReasonForm effect={`What was done about this ${r.device}.${r.device === 'pump' ? ' Its alarm for this recall ends.' : ''}`} label="Evidence: report, document, who saw it" button="Close it" {...shared} run={(why) => devices.recallDevice(r.id, act.device, 'close', why, outcome)}>
            <Choice label="Outcome" value={outcome} onChoose={setOutcome} data-autofocus data={Object.entries(outcomes).map(([value, label]) => ({ value, label }))} />
          </ReasonForm>
        </Dialog>
      );
    case 'add': {
      const typed = serial.trim().toUpperCase();
      const pump = [...pumps.values()].find((p) => p.serial.toUpperCase() === typed);
      const comm = comms.data?.find((c) => c.serial.toUpperCase() === typed);
      const target = r.device === 'pump' ? pump && { communicator: '', pump: pump.id } : comm && { communicator: comm.serial, pump: null };
      return (
        <Dialog title={`Add a ${r.device} by hand`} onClose={onClose}>
          <ReasonForm effect="The rule left it out, and it is concerned all the same." button="Add" ready={target !== undefined} onTry={() => setTried(true)} {...shared} run={(why) => devices.addToRecall(r.id, target!, why)}>
            <Line label={`Serial of the ${r.device}`} value={serial} onText={setSerial} data-autofocus error={tried && !target ? `There is no such ${r.device} at your sites.` : undefined} />
          </ReasonForm>
        </Dialog>
      );
    }
    default:
      return (
        <Dialog title={act.name === 'closed' ? `Close recall ${r.reference}` : `Withdraw recall ${r.reference}`} onClose={onClose}>
          <ReasonForm effect={act.name === 'closed' ? 'Nothing is left to do, at any site. Devices that are registered later are not judged by it any more.' : 'It was a mistake, or its maker took it back. The alarms of all its devices end.'} button={act.name === 'closed' ? 'Close the recall' : 'Withdraw the recall'} {...shared} run={(why) => devices.endRecall(r.id, act.name === 'withdrawn' ? 'withdrawn' : 'closed', why)} />
        </Dialog>
      );
  }
}
