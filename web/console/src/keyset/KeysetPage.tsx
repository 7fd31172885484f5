import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { keysets } from '../api/library';
import type { Keyset } from '../api/orders';
import { useArrived } from '../app/useArrived';
import { useTitle } from '../app/useTitle';
import lib from '../library/library.module.css';
import { SignForm } from '../library/SignForm';
import { administers } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { ReasonForm } from '../ui/ReasonForm';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { serverNow, useClock } from '../units/clock';
import { actorName } from '../units/plain';
import { KeysetPumps } from './KeysetPumps';
import { keysetPumpsQuery, keysetsQuery, signingKeysQuery, useProof } from './queries';
import { Signers } from './Signers';
import { actText, daysText, keyChanges, policyText, stageMeaning, stageOf } from './words';

/** Whose signatures the pumps trust, how many, and until when; and the next keyset on its way. */
export default function KeysetPage() {
  useTitle('Keyset');
  const me = useMe();
  const queries = useQueryClient();
  const list = useQuery(keysetsQuery);
  const [drafting, setDrafting] = useState(false);
  const current = list.data?.find((k) => k.current);
  const draft = list.data?.find((k) => k.state === 'draft');
  const older = list.data?.filter((k) => k.state === 'published' && !k.current) ?? [];
  const arrived = useArrived(!list.isPending, useProof(current).settled, !useQuery(signingKeysQuery).isPending, !useQuery(keysetPumpsQuery).isPending);
  const done = () => { void queries.invalidateQueries({ queryKey: ['keysets'] }); void queries.invalidateQueries({ queryKey: ['signing-keys'] }); setDrafting(false); };
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Keyset</h1>
        <div className={css.tools} data-screen>
          <Button variant="default" onClick={() => window.print()}>Print</Button>
          {administers(me) && <Button onClick={() => setDrafting(true)}>{draft ? 'Draft it again' : 'Draft the next keyset'}</Button>}
        </div>
      </div>
      <p className={css.muted}>A pump obeys only people whose keys its keyset lists. Two administrators sign each keyset, with keys that the root names and that this server never sees; neither can approve a dose.</p>
      {!arrived && <><Loading what="keysets" /><Ghost width="100%" height={320} /></>}
      {list.isError && !list.data && <Trouble what="The list of keysets" error={list.error} retry={() => void list.refetch()} />}
      {list.isError && list.data && <NotCurrent what="This page" of={list} />}
      {list.data && !current && <Empty title="There is no keyset">No pump obeys anybody until one is signed at the ceremony of keys.</Empty>}
      {arrived && draft && current && <Draft of={draft} current={current} />}
      {arrived && current && <Current of={current} />}
      {arrived && current && <KeysetPumps current={current.version} />}
      {arrived && older.length > 0 && <Older all={older} />}
      {drafting && (
        <Dialog title="Draft the next keyset" onClose={() => setDrafting(false)}>
          <ReasonForm effect={`It lists everybody's keys as their roles are now, for another 90 days${draft ? ', in place of the draft with its signatures' : ''}. Two administrators then sign it.${me.demo ? ' This demo holds their keys and signs at once.' : ''}`} button="Draft" run={keysets.draft} onDone={done} onClose={() => setDrafting(false)} />
        </Dialog>
      )}
    </div>
  );
}

function Current({ of: k }: { of: Keyset }) {
  const text = useClock(() => daysText(k.keyset.expires, Math.floor(serverNow() / 1000)));
  const stage = stageOf(k.keyset.expires, Math.floor(serverNow() / 1000));
  return (
    <>
      <section aria-labelledby="current" className={css.section}>
        <h2 id="current" className="h2">Keyset {k.version}, in force</h2>
        {stage !== 'fresh' && <p className={lib.note} role="status" data-stage={stage}><strong>{text}.</strong> {stageMeaning[stage]}</p>}
        <div className={css.grid2}>
          <dl className={css.facts}>
            <div><dt className="label">Ends</dt><dd><strong>{text}</strong> <span className="label"><Stamp at={k.expires_at} full /></span></dd></div>
            <div><dt className="label">Published</dt><dd><Stamp at={k.published_at} full /> <span className="label">drafted by {actorName(k.drafted_by)}: {k.reason}</span></dd></div>
            <div><dt className="label">Console</dt><dd className="mono">{k.keyset.origin}</dd></div>
            <Proof of={k} />
          </dl>
          <dl className={css.facts}>{(k.keyset.policies ?? []).map((p) => <div key={`${p.act ?? ''}/${p.class}`}><dt className="label">{actText(p)}</dt><dd>{policyText(p)}</dd></div>)}</dl>
        </div>
      </section>
      <Signers of={k} />
    </>
  );
}

const signedWord = { good: 'Two administrators whom the root names signed exactly these bytes.', bad: 'The signatures do NOT hold under the root.', none: 'Not signed yet.', 'other root': 'The server names another root than this browser knows.' };

/** What this browser finds about the bytes, and under which root. */
function Proof({ of: k }: { of: Keyset }) {
  const { root, proof: p, failed, again } = useProof(k);
  const bad = p && (p.content !== 'holds' || (p.signed !== 'good' && p.signed !== 'none'));
  return (
    <>
      <div>
        <dt className="label">Checked in this browser</dt>
        <dd role={bad ? 'alert' : undefined} data-proof={p?.content}>{!p ? (failed ? <>It could not be checked: the root could not be read. <button type="button" className="link" onClick={again}>Try again</button></> : '…') : bad ? <strong>{p.content !== 'holds' ? 'The bytes do NOT say what this page shows. Sign nothing; tell the engineers.' : `${signedWord[p.signed]} Sign and release nothing; tell the engineers.`}</strong> : `The bytes say what this page shows. ${signedWord[p.signed]}`}</dd>
      </div>
      <div><dt className="label">Hash of what is signed</dt><dd className="mono">{p ? p.hash : '…'}</dd></div>
      {root.data && <div><dt className="label">Root</dt><dd>{root.data.name}{root.data.demo && <> <span className={css.tag} data-strong>Demo</span> software keys count</>} <span className="label">until {root.data.expires_at.slice(0, 10)}</span> <span className={`mono ${css.under}`}>{root.data.sha256}</span></dd></div>}
    </>
  );
}

/** The next keyset: what it changes, and whose signatures it has. */
function Draft({ of: d, current }: { of: Keyset; current: Keyset }) {
  const me = useMe();
  const queries = useQueryClient();
  const [signing, setSigning] = useState(false);
  const { proof } = useProof(d);
  const changes = keyChanges(current.keyset, d.keyset);
  const close = () => setSigning(false);
  const sound = proof?.content === 'holds';
  return (
    <section aria-labelledby="draft" className={css.section}>
      <div className={css.head}>
        <h2 id="draft" className="h2">Keyset {d.version}, drafted</h2>
        {administers(me) && sound && <Button onClick={() => setSigning(true)}>Bring a signature</Button>}
      </div>
      <p><strong>{d.signed.length} of {d.needed} signatures.</strong> <span className="label">Drafted by {actorName(d.drafted_by)} <Stamp at={d.drafted_at} full />: {d.reason}</span></p>
      {proof && !sound && <p role="alert" className={lib.note}><strong>The bytes to sign do NOT say what this page shows. Sign nothing; tell the engineers.</strong></p>}
      {changes.length === 0 ? <p className={css.muted}>It lists the same keys as keyset {current.version}, for another 90 days.</p> : (
        <div className={css.wrap}>
          <table className={`${css.table} ${css.cards}`}>
            <caption className="sr-only">What keyset {d.version} changes</caption>
            <thead><tr><th scope="col">Change</th><th scope="col">Person</th><th scope="col">What</th><th scope="col">Key</th></tr></thead>
            <tbody>{changes.map((c) => <tr key={`${c.person}${c.key}${c.kind}`}><td data-name="Change" className={lib.turn}><span><span aria-hidden>{c.kind === 'added' ? '＋' : c.kind === 'removed' ? '−' : '◆'}</span> {c.kind}</span></td><td data-name="Person">{c.person}</td><td data-name="What">{c.what}</td><td data-name="Key"><code>{c.key.slice(0, 24)}</code></td></tr>)}</tbody>
          </table>
        </div>
      )}
      {signing && proof && <Dialog title={`Bring a signature for keyset ${d.version}`} onClose={close} size="xl"><SignForm what="keyset" version={d.version} body={d.body} hash={proof.hash} run={(s) => keysets.sign(d.version, s)} onDone={() => { void queries.invalidateQueries({ queryKey: ['keysets'] }); close(); }} onClose={close} /></Dialog>}
    </section>
  );
}

function Older({ all }: { all: readonly Keyset[] }) {
  return (
    <details className={css.details} data-screen>
      <summary>Older keysets ({all.length})</summary>
      <div className={css.wrap}>
        <table className={`${css.table} ${css.cards}`}>
          <caption className="sr-only">Older keysets, newest first</caption>
          <thead><tr><th scope="col">Keyset</th><th scope="col">Published</th><th scope="col">Ends</th><th scope="col" className={css.num}>Keys</th><th scope="col">Why</th></tr></thead>
          <tbody>{all.slice(0, 50).map((k) => <tr key={k.version}><td data-name="Keyset">{k.version}</td><td data-name="Published"><Stamp at={k.published_at} /></td><td data-name="Ends"><Stamp at={k.expires_at} /></td><td data-name="Keys" className={css.num}>{k.keyset.keys.length}</td><td data-name="Why">{k.reason}</td></tr>)}</tbody>
        </table>
      </div>
    </details>
  );
}

