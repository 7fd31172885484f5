import type { UseQueryResult } from '@tanstack/react-query';
import { type ReactNode, Suspense, useState } from 'react';
import type { PumpDetail } from '../api/types';
import { Button } from '../ui/Button';
import { PresenceMark, presenceWord } from '../ui/Mark';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { useClock } from '../units/clock';
import { duration, parseTime, stamp } from '../units/time';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Dialog } from '../ui/Dialog';
import { part } from '../ui/part';
import { NotesForm } from './NotesForm';
import { Certificates, Claims, EndOfLife, Maintenance, Recalls, Sync } from './Life';
import { statusWord } from '../fleet/status';
import { Sorted } from './Sorted';
import css from './Identity.module.css';

const RootTransfers = part(() => import('./RootTransfers'));

const DAY = 86_400_000;

function Card({ title, wide = false, children }: { title: string; wide?: boolean; children: ReactNode }) {
  return <section className={css.card} data-wide={wide || undefined}><h2 className="h2">{title}</h2>{children}</section>;
}

/** Facts that are there; what is empty is left out, unless it is asked for with "–". */
function Facts({ of }: { of: readonly (readonly [string, ReactNode])[] }) {
  const known = of.filter(([, v]) => v !== null && v !== undefined && v !== '' && v !== false);
  return <dl className={css.facts}>{known.map(([k, v]) => <div key={k}><dt className="label">{k}</dt><dd>{v}</dd></div>)}</dl>;
}

const mono = (text: string | null) => (text ? <span className="mono">{text}</span> : null);

/** What a pump is and what it is trusted by: identity, communicator, certificate, keys, profile, and how far its records are in. */
export default function Identity({ query }: { query: UseQueryResult<PumpDetail> }) {
  const { data: d } = query;
  const me = useMe();
  if (!d) return query.isError ? <Trouble what="The identity" error={query.error} retry={() => void query.refetch()} /> : <><Loading what="the identity" /><Ghost width="100%" height={320} /></>;
  return (
    <div className={css.grid}>
      <Card title="Pump">
        <Facts of={[
          ['Serial', mono(d.serial)],
          ['UDI', mono(d.udi)],
          ['Device id', mono(d.device_id)],
          ['Model', d.model.startsWith(d.maker) ? d.model : `${d.maker} ${d.model}`],
          ['Asset number', mono(d.notes.asset_no)],
          ['Patient', mono(d.patient)],
          ['Status', [statusWord[d.status] || 'in use', d.status_reason].filter(Boolean).join(': ')],
          ['Registered', <Stamp key="r" at={d.registered_at} full />],
          ['Firmware', mono(d.firmware)],
          ['Library', mono(d.library)],
        ]} />
        <EditNotes of={d} />
      </Card>
      <Card title="Communicator"><Communicator of={d} /></Card>
      <Card title="Certificate">{d.certificate ? <Certificate of={d.certificate} /> : <p className="label">{d.status === 'registered' ? 'None. Make a claim slip to enrol the pump.' : 'None that is valid.'}</p>}<Certificates of={d} /></Card>
      <Card title="Desired and reported" wide><Sync of={d} /></Card>
      <Card title="Maintenance"><Maintenance of={d} /></Card>
      <Card title="Groups and tags"><Sorted pump={d.id} serial={d.serial} site={d.site} /></Card>
      <Card title="Recalls"><Recalls of={d} /></Card>
      <Card title="Claim slips"><Claims of={d} /></Card>
      <Card title="Explant and replacement"><EndOfLife of={d} /></Card>
      {hasRole(me, d.site, ['admin']) && d.status !== 'manual' && <Card title="Transfer by the root" wide><Suspense fallback={<Ghost width="100%" height={96} />}><RootTransfers pump={d.id} serial={d.serial} active={d.status === 'active'} /></Suspense></Card>}
      <Card title="Keys">
        {d.keys.length === 0 && <p className="label">No key is known yet.</p>}
        {d.keys.map((k) => (
          <div key={k.fingerprint} className={css.key}>
            <p>{keyWord[k.purpose] ?? k.purpose} <span className="label">{k.algorithm}{k.since ? <>, since <Stamp at={k.since} /></> : null}</span></p>
            <code className={css.finger}>{k.fingerprint}</code>
          </div>
        ))}
      </Card>
      <Card title="Device profile"><Profile of={d.profile_detail} /></Card>
      <Card title="Records received"><Records of={d} /></Card>
      <Card title="Presence">
        {d.presence_history.length === 0 ? <p className="label">Never heard.</p> : (
          <ol className={css.history}>
            {d.presence_history.slice(0, SHOWN).map((p) => <li key={p.at + p.presence} className={css.presence}><PresenceMark presence={p.presence} /> {presenceWord[p.presence]} <span className="label"><Stamp at={p.at} />{p.reason ? `, ${p.reason}` : ''}</span></li>)}
          </ol>
        )}
      </Card>
      <Card title="Connections">
        {d.sessions.length === 0 ? <p className="label">There was none.</p> : (
          <ol className={css.history}>
            {d.sessions.slice(0, SHOWN).map((s) => <li key={s.opened_at + s.link}><Stamp at={s.opened_at} /> {s.closed_at ? <>to <Stamp at={s.closed_at} /></> : <strong>until now</strong>} <span className="label">{[s.remote, s.reason && (endWord[s.reason] ?? s.reason)].filter(Boolean).join(', ')}</span></li>)}
          </ol>
        )}
      </Card>
      <Implant of={d.notes} />
    </div>
  );
}

/** What people note can be changed by those who care for the pump. */
function EditNotes({ of: d }: { of: PumpDetail }) {
  const me = useMe();
  const [open, setOpen] = useState(false);
  if (!hasRole(me, d.site, ['engineer', 'prescriber', 'nurse'])) return null;
  return (
    <>
      <Button variant="default" size="compact-md" style={{ marginTop: 8 }} onClick={() => setOpen(true)}>Edit notes…</Button>
      {open && <Dialog title={`Notes about ${d.serial}`} onClose={() => setOpen(false)}><NotesForm of={d} onClose={() => setOpen(false)} /></Dialog>}
    </>
  );
}

/** How a connection ended. */
const endWord: Record<string, string> = {
  client: 'the communicator said goodbye', keepalive: 'it stopped answering', takeover: 'it connected again', revoked: 'trust was revoked', protocol: 'it broke a rule',
  overflow: 'it did not read what was sent to it', io: 'the connection broke', shutdown: 'the server stopped',
};

const SHOWN = 8;
const keyWord: Record<string, string> = { device: 'Device key' };

function Communicator({ of: d }: { of: PumpDetail }) {
  const past = d.pairings.filter((p) => p.to !== null).toReversed();
  return (
    <>
      {d.communicator
        ? <Facts of={[['Serial', mono(d.communicator.serial)], ['Paired', <Stamp key="p" at={d.communicator.since} full />], ['Firmware', mono(d.communicator.firmware ?? d.firmware_comm)]]} />
        : <p className="label">Not paired with a communicator.</p>}
      {d.communicator && d.communicator.recalls.length > 0 && <div className={css.recalled}><h3 className={css.sub}>Recalls of this communicator</h3><Recalls of={d.communicator} /></div>}
      {past.length > 0 && (
        <ul className={css.history} aria-label="Earlier communicators">
          {past.map((h) => <li key={h.serial + h.from}><span className="mono">{h.serial}</span> <span className="label"><Stamp at={h.from} /> to <Stamp at={h.to} />{h.reason ? `, ${h.reason}` : ''}</span></li>)}
        </ul>
      )}
    </>
  );
}

function Certificate({ of }: { of: NonNullable<PumpDetail['certificate']> }) {
  const until = parseTime(of.not_after);
  const days = useClock((now) => (until === null ? null : Math.floor((until - now) / DAY)));
  return (
    <>
      {days !== null && <p className={css.days}>{days < 0 ? <strong>Expired</strong> : <><span className={css.big}>{days}</span><span className="unit">{days === 1 ? 'day left' : 'days left'}</span></>}</p>}
      <Facts of={[['Serial', mono(of.serial)], ['Valid from', <Stamp key="b" at={of.not_before} full />], ['Valid until', until === null ? null : stamp(until)]]} />
    </>
  );
}

function Profile({ of }: { of: PumpDetail['profile_detail'] }) {
  if (!of) return <p className="label">Its device profile is not known to this server.</p>;
  return (
    <>
      <Facts of={[['Profile', `${of.name}, version ${of.version}`], ['Silence before it counts as lost', of.silence_seconds > 0 ? duration(of.silence_seconds) : 'any']]} />
      <p className={css.verifies}>
        {of.verifies === 'implant' && 'The implant itself verifies signatures.'}
        {of.verifies === 'communicator' && <strong>Only the communicator verifies signatures: who owns it owns the dose.</strong>}
        {of.verifies === 'nobody' && <strong>Nothing on the patient's side verifies signatures. It takes no orders.</strong>}
      </p>
    </>
  );
}

const laneWord = { main: 'Records', alarm: 'Alarms' } as const;

function Records({ of: d }: { of: PumpDetail }) {
  const codes = Object.entries(d.refusals_by_code);
  return (
    <>
      {d.cursors.length === 0 && <p className="label">Nothing has been received yet.</p>}
      <Facts of={d.cursors.map((c) => [`${laneWord[c.lane]}, epoch ${c.epoch}`, <span key="n"><span className={css.seq}>{c.seq}</span> <span className="label"><Age at={c.at} never="" /></span></span>])} />
      {d.gaps.length > 0 && (
        <ul className={css.history} aria-label="Gaps">
          {d.gaps.map((g) => <li key={g.id}>{laneWord[g.lane]} {g.from_seq} to {g.to_seq} lost <span className="label">{g.reason}, <Stamp at={g.at} /></span></li>)}
        </ul>
      )}
      {d.gaps.length === 0 && d.cursors.length > 0 && <p className="label">No gaps.</p>}
      <p className="label">{d.refusals_total} {d.refusals_total === 1 ? 'message was' : 'messages were'} refused in all.{codes.length > 0 && ` In the last 24 h: ${codes.map(([code, n]) => `${code} ${n}`).join(', ')}.`}</p>
    </>
  );
}

function Implant({ of: n }: { of: PumpDetail['notes'] }) {
  const facts: [string, ReactNode][] = [
    ['Implanted', n.implanted_on], ['Pocket', [n.pocket_site, n.pocket_side].filter(Boolean).join(', ')], ['Catheter', n.catheter_model],
    ['Implanted length', n.catheter_length_mm && <>{n.catheter_length_mm}<span className="unit">mm</span></>], ['Tip level', n.tip_level],
    ['Side port', n.cap_present === null ? null : n.cap_present ? 'present' : 'none'], ['MRI', n.mri_status], ['Last alarm test', n.last_alarm_test], ['Lot', n.lot],
    ['Made', n.made_on], ['Use by', n.use_by], ['Warranty until', n.warranty_until], ['Recall, as noted', n.recall_ref],
  ];
  if (facts.every(([, v]) => !v)) return null;
  return <Card title="Implant"><Facts of={facts} /></Card>;
}
