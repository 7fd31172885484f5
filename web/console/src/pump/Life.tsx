import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { devices } from '../api/devices';
import type { PumpDetail } from '../api/types';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { ReasonForm } from '../ui/ReasonForm';
import { Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { millilitres } from '../units/quantity';
import { fateWord } from './ExplantForm';
import { WorkList } from './WorkList';

const syncWord: Record<string, string> = { root: 'Root', keyset: 'Keyset', library: 'Drug library', profile: 'Device profile', firmware: 'Firmware', communicator_firmware: 'Communicator firmware' };
const stateWord: Record<PumpDetail['sync'][number]['state'], string> = { same: 'as it should be', different: 'differs', unknown: 'not known', no_target: 'no target', pinned: 'fixed at the enrolment' };

/** What a pump should have beside what it last said that it has. */
export function Sync({ of: d }: { of: PumpDetail }) {
  if (d.sync.length === 0) return <p className="label">{d.status === 'manual' ? 'It has no link, and nothing is sent to it.' : 'It is out of use: nothing is owed to it.'}</p>;
  return (
    <div className={css.wrap} role="region" aria-label="Desired against reported" tabIndex={0}>
      <table className={`${css.table} ${css.cards}`}>
        <thead><tr><th scope="col">What</th><th scope="col">Should be</th><th scope="col">Reported</th><th scope="col">State</th></tr></thead>
        <tbody>
          {d.sync.map((s) => (
            <tr key={s.name}>
              <th scope="row">{syncWord[s.name]}</th>
              <td data-name="Should be" className="mono" title={s.desired ?? undefined}>{short(s.desired)}</td>
              <td data-name="Reported" className="mono" title={s.reported ?? undefined}>{short(s.reported)}</td>
              <td data-name="State"><span><span className={css.tag} data-strong={s.state === 'different' || undefined} data-quiet={s.state !== 'different' || undefined}>{stateWord[s.state]}</span> {s.at && <span className="label"><Stamp at={s.at} /></span>}</span></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const short = (s: string | null) => (s === null ? '–' : /^[0-9a-f]{64}$/.test(s) ? s.slice(0, 16) : s);

export function Certificates({ of: d }: { of: PumpDetail }) {
  const past = d.certificates.filter((c) => c.serial !== d.certificate?.serial);
  if (past.length === 0) return null;
  return (
    <details>
      <summary>{past.length} earlier {past.length === 1 ? 'certificate' : 'certificates'}</summary>
      <ul className={css.list}>{past.map((c) => <li key={c.serial}><span className="mono">{c.serial.slice(0, 16)}</span> <span className="label">{c.communicator}, valid until <Stamp at={c.not_after} />{c.revoked_at && <>, revoked <Stamp at={c.revoked_at} />: {c.reason}</>}</span></li>)}</ul>
    </details>
  );
}

/** Claim slips that somebody may still hold: never their codes. */
export function Claims({ of: d }: { of: PumpDetail }) {
  const me = useMe();
  const queries = useQueryClient();
  const [act, setAct] = useState(false);
  const open = d.claims.find((c) => c.state === 'open');
  if (d.claims.length === 0) return <p className="label">None was made.</p>;
  return (
    <>
      <ul className={css.list}>
        {d.claims.map((c) => (
          <li key={c.id}><span className={css.tag} data-quiet={c.state !== 'open' || undefined}>{c.state}</span> made <Stamp at={c.created_at} /> <span className="label">by {actorName(c.created_by)}, {c.reason}{c.communicator ? `, for ${c.communicator}` : ''}{c.state === 'open' ? <>, until <Stamp at={c.expires_at} /></> : null}{c.attempts > 0 ? `, ${c.attempts} wrong ${c.attempts === 1 ? 'code' : 'codes'}` : ''}</span></li>
        ))}
      </ul>
      {open && hasRole(me, d.site, ['engineer']) && <p><Button variant="default" size="compact-md" style={{ marginTop: 8 }} onClick={() => setAct(true)}>Withdraw the open slip…</Button></p>}
      {act && <Dialog title="Withdraw the claim slip" onClose={() => setAct(false)}><ReasonForm effect="The code on the slip becomes worthless." button="Withdraw" onClose={() => setAct(false)} onDone={() => { void queries.invalidateQueries({ queryKey: ['pump', d.id] }); setAct(false); }} run={(why) => devices.withdrawClaim(d.id, why)} /></Dialog>}
    </>
  );
}

/** How a pump came to its end, and which pumps took each other's place. */
export function EndOfLife({ of: d }: { of: PumpDetail }) {
  const e = d.explant;
  const me = useMe();
  const queries = useQueryClient();
  const [undo, setUndo] = useState<PumpDetail['replacements'][number] | null>(null);
  return (
    <>
      {e && (
        <dl className={css.facts}>
          <div><dt className="label">Taken out</dt><dd>{e.on}: {e.reason}</dd></div>
          <div><dt className="label">The device</dt><dd>{fateWord[e.fate]}{e.fate_note ? `: ${e.fate_note}` : ''}</dd></div>
          <div><dt className="label">Drug left</dt><dd>{e.remainder_nl === null ? 'not measured' : <>{millilitres(e.remainder_nl)}<span className="unit">mL</span></>}{e.remainder_note ? `: ${e.remainder_note}` : ''}</dd></div>
          <div><dt className="label">Recorded</dt><dd>{actorName(e.recorded_by)} <span className="label"><Stamp at={e.recorded_at} full /></span></dd></div>
        </dl>
      )}
      {d.replacements.length > 0 && (
        <ol className={css.list} aria-label="Replacements, oldest first">
          {d.replacements.map((r) => (
            <li key={r.old + r.new}>
              <p><PumpLink id={r.old} serial={r.old_serial} here={d.id} /> <span aria-hidden>→</span><span className="sr-only">was replaced by</span> <PumpLink id={r.new} serial={r.new_serial} here={d.id} /> <span className="label"><Stamp at={r.at} />, {r.reason}</span></p>
              {r.binding === 'pending' && <p><strong>Pending:</strong> patient <span className="mono">{r.patient}</span> is expected to get the new pump. Nothing is bound and no dose is carried over until somebody does it.</p>}
              {r.binding === 'bound' && <p className="label">Patient <span className="mono">{r.patient}</span> was bound to the new pump.</p>}
              {r.binding !== 'bound' && hasRole(me, d.site, ['engineer']) && <p><Button variant="default" size="compact-sm" onClick={() => setUndo(r)}>Take it back…</Button></p>}
            </li>
          ))}
        </ol>
      )}
      {!e && d.replacements.length === 0 && <p className="label">Neither taken out nor replaced.</p>}
      {undo && (
        <Dialog title="Take back the replacement" onClose={() => setUndo(null)}>
          <ReasonForm
            effect={`It was a mistake: ${undo.new_serial} did not take the place of ${undo.old_serial}. The patient is no longer expected to get it. The explant stays as it was recorded.`} button="Take it back" onClose={() => setUndo(null)}
            onDone={() => { void queries.invalidateQueries({ queryKey: ['pump'] }); setUndo(null); }} run={(why) => devices.undoReplace(undo.old, why)}
          />
        </Dialog>
      )}
    </>
  );
}

function PumpLink({ id, serial, here }: { id: string; serial: string; here: string }) {
  return id === here ? <strong className="mono">{serial}</strong> : <Link className="link mono" to="/pumps/$id" params={{ id }} search={{}}>{serial}</Link>;
}

/** The recalls that concern a pump or a communicator. */
export function Recalls({ of: d }: { of: { readonly recalls: readonly Pick<PumpDetail['recalls'][number], 'id' | 'reference' | 'title' | 'severity' | 'recall_state' | 'state' | 'why' | 'state_why'>[] } }) {
  if (d.recalls.length === 0) return <p className="label">None concerns it.</p>;
  return (
    <ul className={css.list}>
      {d.recalls.map((r) => (
        <li key={r.id}>
          <p className={css.row}><span className={css.tag} data-strong={(r.recall_state === 'open' && (r.state === 'open' || r.state === 'check')) || undefined}>Class {r.severity}, {r.recall_state === 'open' ? deviceWord[r.state] : r.recall_state}</span> <Link className="link" to="/recalls/$id" params={{ id: r.id }} search={{}}>{r.reference}</Link></p>
          <p>{r.title}</p>
          <p className="label">{r.why}{r.state_why ? ` · ${r.state_why}` : ''}</p>
        </li>
      ))}
    </ul>
  );
}

export const deviceWord = { check: 'to be checked', open: 'open', closed: 'closed', removed: 'not concerned' } as const;

export function Maintenance({ of: d }: { of: PumpDetail }) {
  const work = useQuery({ queryKey: ['work', d.id], queryFn: () => devices.work(d.id) });
  if (work.isPending) return <><Loading what="the maintenance entries" /><Ghost width="100%" height={64} /></>;
  if (work.isError && !work.data) return <Trouble what="The maintenance entries" error={work.error} retry={() => void work.refetch()} />;
  return <WorkList of={{ pump: d.id }} site={d.site} work={work.data} queryKey={['work', d.id]} />;
}
