import type { Order } from '../api/orders';
import { Stamp } from '../ui/Time';
import css from './orders.module.css';
import { type Proof, uncheckable, useProof } from './proof';
import type { RootKnown } from './root';
import { meaningWord } from './words';

const words: Record<Proof['signatures'][number], string> = {
  good: 'The signature holds; this browser checked it.', wrong: 'THE SIGNATURE DOES NOT HOLD. Release nothing; tell the engineers.', other: 'SIGNED FOR SOMETHING ELSE. Release nothing; tell the engineers.',
  unknown: 'The newest keyset does not list this key.', revoked: 'The key was revoked.',
};

/** The signatures under the document: who, what they say, when, and whether it holds by this browser's own check. */
export function Seals({ order }: { order: Order }) {
  const proof = useProof(order);
  const open = Math.max(0, order.finding.people - order.approvals.length);
  const over = !['proposed', 'verified'].includes(order.state);
  return (
    <section aria-labelledby="seals" className={css.section}>
      <h2 id="seals">Signatures</h2>
      <ul className={css.seals}>
        {order.approvals.map((a, i) => {
          const found = proof.data?.signatures[i];
          return (
            <li key={a.key} className={css.seal}>
              <Seal signed={found === undefined || found === 'good'} />
              <div>
                <p>{a.person.name}</p>
                <p>“{meaningWord[a.meaning] ?? a.meaning}”</p>
                <p className="label"><Stamp at={a.signed_at} full /></p>
                <p className="label">{proof.isPending ? 'Checking…' : found ? words[found] : 'Could not be checked here.'}</p>
                <p className="label">key <code title={a.key}>{a.key.slice(0, 12)}</code></p>
              </div>
            </li>
          );
        })}
        {!over && Array.from({ length: open }, (_, i) => (
          <li key={i} className={css.seal} data-open>
            <Seal signed={false} />
            <div><p>Not signed yet</p><p className="label">{missing(order, i)}</p></div>
          </li>
        ))}
      </ul>
      {order.approvals.length === 0 && over && <p className="label">Nobody signed it.</p>}
      {proof.data && (
        <p className="label">
          {proof.data.document === 'holds' && <>What is shown is what was signed: every setting was read again from the {byteCount(order)} bytes by this browser’s own verifier. </>}
          {proof.data.document === 'differs' && <strong>THE BYTES SAY SOMETHING ELSE THAN THIS PAGE SHOWS, in {proof.data.differ}. Sign and release nothing; tell the engineers. </strong>}
          {proof.data.document === 'unreadable' && <strong>The bytes cannot be read by this browser’s own verifier. Sign and release nothing; tell the engineers. </strong>}
          {proof.data.hash && <>Document <code>{proof.data.hash}</code>. </>}
          <KeysetLine proof={proof.data} />
        </p>
      )}
      {proof.isError && <p className={css.note}><strong>The signatures could not be checked.</strong> {uncheckable(proof.error)}</p>}
    </section>
  );
}

const rootWord: Record<RootKnown, string> = {
  typed: 'typed into this browser from the ceremony card', known: 'known to this browser from before', first: 'named by this server just now, and known to this browser from here on',
};

/** Whose signatures count, and how sure that is. */
function KeysetLine({ proof: p }: { proof: Proof }) {
  if (p.keyset.state === 'holds' && p.root.state !== 'other') {
    return <>Keyset {p.keyset.version}, signed by {p.keyset.signers} administrators under root <code title={p.root.hash}>{p.root.hash.slice(0, 16)}</code>, {rootWord[p.root.state]}.</>;
  }
  if (p.keyset.state === 'unsigned') return <strong>KEYSET {p.keyset.version} IS NOT SIGNED UNDER THE ROOT: whose signatures count is not certain.</strong>;
  if (p.keyset.state === 'missing') return <strong>The server shows no keyset.</strong>;
  return <strong>THE SERVER NAMES ANOTHER ROOT THAN THIS BROWSER KNOWS: whose signatures count is not certain.</strong>;
}

const byteCount = (o: Order) => Math.floor(((o.bytes ?? '').length * 3) / 4);

function missing(o: Order, i: number): string {
  const said = o.approvals.map((a) => a.meaning);
  const must = o.finding.meanings.filter((m) => !said.includes(m));
  return must[i] ? `must say “${meaningWord[must[i]] ?? must[i]}”` : 'another person';
}

/** A seal: a drop in a ring. Hollow and dashed while it is not there. */
function Seal({ signed }: { signed: boolean }) {
  return (
    <svg viewBox="0 0 56 56" width="56" height="56" aria-hidden focusable="false">
      <circle cx="28" cy="28" r="25" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray={signed ? undefined : '4 4'} />
      {signed && <circle cx="28" cy="28" r="20.5" fill="none" stroke="currentColor" strokeWidth="1" strokeDasharray="1 2.4" />}
      <path d="M28 15c0 0-8.5 9.6-8.5 15.6a8.5 8.5 0 0 0 17 0C36.500 24.600 28 15 28 15z" fill={signed ? 'currentColor' : 'none'} stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}
