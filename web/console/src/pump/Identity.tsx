import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { PumpDetail } from '../api/types';
import { PresenceMark, presenceWord } from '../ui/Mark';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { useClock } from '../units/clock';
import { duration, parseTime, stamp } from '../units/time';
import css from './Identity.module.css';

const DAY = 86_400_000;

function Card({ title, children }: { title: string; children: ReactNode }) {
  return <section className={css.card}><h2 className="h2">{title}</h2>{children}</section>;
}

function Facts({ of }: { of: [string, ReactNode][] }) {
  return <dl className={css.facts}>{of.map(([k, v]) => <div key={k}><dt className="label">{k}</dt><dd>{v ?? '–'}</dd></div>)}</dl>;
}

/** What a pump is and what it is trusted by: identity, communicator, certificate, keys, profile, and how far its records are in. */
export function Identity({ query }: { query: UseQueryResult<PumpDetail> }) {
  const { data: d } = query;
  if (!d) return query.isError ? <Trouble what="The identity" error={query.error} retry={() => void query.refetch()} /> : <><Loading what="the identity" /><Ghost width="100%" height={320} /></>;
  return (
    <div className={css.grid}>
      <Card title="Pump">
        <Facts of={[
          ['Serial', <span className="mono" key="s">{d.serial}</span>],
          ['UDI', d.udi && <span className="mono" key="u">{d.udi}</span>],
          ['Device id', d.device_id && <span className="mono" key="d">{d.device_id}</span>],
          ['Model', d.model],
          ['Status', d.status],
          ['Registered', <Stamp key="r" at={d.registered_at} full />],
          ['Firmware', <span className="mono" key="f">{d.firmware ?? '–'}</span>],
          ['Library', d.library && <span className="mono" key="l">{d.library}</span>],
        ]} />
      </Card>
      <Card title="Communicator">
        {d.communicator ? (
          <>
            <Facts of={[
              ['Serial', <span className="mono" key="s">{d.communicator.serial}</span>],
              ['Paired', <Stamp key="p" at={d.communicator.since} full />],
              ['Firmware', <span className="mono" key="f">{d.communicator.firmware ?? d.firmware_comm ?? '–'}</span>],
            ]} />
            {d.communicator.history.length > 1 && (
              <ul className={css.history} aria-label="Earlier communicators">
                {d.communicator.history.filter((h) => h.to !== null).map((h) => <li key={h.serial + h.from}><span className="mono">{h.serial}</span> <span className="label"><Stamp at={h.from} /> to <Stamp at={h.to} />{h.reason ? `, ${h.reason}` : ''}</span></li>)}
              </ul>
            )}
          </>
        ) : <p className="label">Not paired with a communicator.</p>}
      </Card>
      <Card title="Certificate">{d.certificate ? <Certificate of={d.certificate} /> : <p className="label">None. Make a claim slip to enrol the pump.</p>}</Card>
      <Card title="Keys">
        {d.keys.length === 0 && <p className="label">No key is known yet.</p>}
        {d.keys.map((k) => (
          <div key={k.fingerprint} className={css.key}>
            <p>{k.purpose} <span className="label">{k.algorithm}{k.since ? <>, since <Stamp at={k.since} /></> : null}</span></p>
            <code className={css.finger}>{k.fingerprint}</code>
          </div>
        ))}
      </Card>
      <Card title="Device profile">
        {d.profile_detail ? (
          <>
            <Facts of={[
              ['Profile', `${d.profile_detail.name}, version ${d.profile_detail.version}`],
              ['Silence that is normal', duration(d.profile_detail.silence_seconds)],
            ]} />
            <p className={css.verifies}>{d.profile_detail.verifies === 'implant' ? 'The implant itself verifies signatures.' : <strong>Only the communicator verifies signatures; the implant trusts it.</strong>}</p>
          </>
        ) : <p className="label">Profile {d.profile}</p>}
      </Card>
      <Card title="Records received">
        {d.cursors.length === 0 && <p className="label">Nothing has been received yet.</p>}
        {d.cursors.map((c) => <Facts key={c.lane} of={[[`${c.lane}, epoch ${c.epoch}`, <span key="n"><span className={css.seq}>{c.seq}</span> <span className="label"><Age at={c.at} /></span></span>]]} />)}
        {d.gaps.length > 0 && (
          <ul className={css.history} aria-label="Gaps">
            {d.gaps.map((g) => <li key={g.id}>{g.lane}: {g.from_seq} to {g.to_seq} lost <span className="label">{g.reason}, <Stamp at={g.at} /></span></li>)}
          </ul>
        )}
        {d.gaps.length === 0 && d.cursors.length > 0 && <p className="label">No gaps.</p>}
        <p className="label">{d.refusals_total} {d.refusals_total === 1 ? 'message was' : 'messages were'} refused in all.</p>
      </Card>
      <Card title="Presence">
        {d.presence_history.length === 0 ? <p className="label">Never heard.</p> : (
          <ol className={css.history}>
            {d.presence_history.map((p) => <li key={p.at + p.presence} className={css.presence}><PresenceMark presence={p.presence} /> {presenceWord[p.presence]} <span className="label"><Stamp at={p.at} />{p.reason ? `, ${p.reason}` : ''}</span></li>)}
          </ol>
        )}
      </Card>
    </div>
  );
}

function Certificate({ of }: { of: NonNullable<PumpDetail['certificate']> }) {
  const until = parseTime(of.not_after);
  const days = useClock((now) => (until === null ? null : Math.floor((until - now) / DAY)));
  return (
    <>
      {days !== null && (
        <p className={css.days}>{days < 0 ? <strong>Expired</strong> : <><span className={css.big}>{days}</span><span className="unit">{days === 1 ? 'day left' : 'days left'}</span></>}</p>
      )}
      <Facts of={[
        ['Serial', <span className="mono" key="s">{of.serial}</span>],
        ['Valid from', <Stamp key="b" at={of.not_before} full />],
        ['Valid until', until === null ? '–' : stamp(until)],
      ]} />
    </>
  );
}
