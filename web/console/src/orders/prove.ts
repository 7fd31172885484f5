import { type Order, trust } from '../api/orders';
import { hex, unbase64url, type Bytes } from '../order/bytes';
import { readPrescription } from '../order/documents';
import { inspectApproval, type SealState } from '../order/inspect';
import { readKeyset } from '../order/trust';

/**
 * What this browser finds about an order by itself, from the exact bytes and with the second verifier of src/order: which
 * document the signatures are under, and whether each of them holds. Keys are those of the newest published keyset.
 */
export interface Proof {
  /** The hash of the bytes is the one that the server names, and the bytes are of this pump and act. */
  readonly document: 'holds' | 'differs' | 'unreadable';
  readonly hash: string;
  readonly keyset: string | null;
  /** In the order of the approvals. */
  readonly signatures: readonly SealState[];
}

function need(text: string): Bytes {
  const b = unbase64url(text);
  if (b === null) throw new Error('not base64url');
  return b;
}

export async function prove(o: Order, demo: boolean): Promise<Proof> {
  if (o.bytes === null || o.document === null) throw new Error('an order without bytes proves nothing');
  const keyset = (await trust.keysets()).items.find((k) => k.current) ?? null;
  let hash: Bytes;
  let holds = false;
  try {
    const read = await readPrescription(need(o.bytes));
    hash = read.hash;
    holds = hex(hash) === o.hash && read.doc.serial === o.document.serial && hex(read.doc.pump) === o.document.pump && hex(read.doc.state) === o.document.state && Number(read.doc.expires) === o.document.expires
      && sameDose(read.doc, o.document);
  } catch {
    return { document: 'unreadable', hash: '', keyset: keyset?.version ?? null, signatures: o.approvals.map(() => 'wrong' as const) };
  }
  const listed = keyset?.document ? (await readKeyset(need(keyset.document), demo)).doc : null;
  const signatures = await Promise.all(o.approvals.map(async (a): Promise<Proof['signatures'][number]> => {
    if (!listed) return 'unknown';
    try {
      const assertion = { authenticator: need(a.assertion.authenticator_data), client: need(a.assertion.client_data_json), signature: need(a.assertion.signature) };
      const seal = await inspectApproval(hash, need(a.statement), assertion, listed);
      return seal.state === 'good' && seal.read.doc.person !== a.person.login ? 'other' : seal.state;
    } catch {
      return 'wrong';
    }
  }));
  return { document: holds ? 'holds' : 'differs', hash: hex(hash), keyset: keyset?.version ?? null, signatures };
}

/** Whether the bytes hold the very program, contents and check numbers that the page shows. */
function sameDose(read: Awaited<ReturnType<typeof readPrescription>>['doc'], shown: NonNullable<Order['document']>): boolean {
  const segments = (read.program?.segments ?? []).map((s) => `${s.offset} ${s.duration} ${s.volume}`).join();
  const listed = (shown.program?.segments ?? []).map((s) => `${s.offset_s} ${s.duration_s} ${s.volume_nl}`).join();
  const inside = (read.contents?.ingredients ?? []).map((i) => `${i.code} ${i.concentration}`).join();
  const named = (shown.contents?.ingredients ?? []).map((i) => `${i.code} ${i.conc_ng_ml}`).join();
  const checks = read.checks.map((c) => `${c.code} ${c.day} ${c.worst} ${c.once} ${c.bridge}`).join();
  const numbers = (shown.checks ?? []).map((c) => `${c.code} ${c.day_ng} ${c.worst_ng} ${c.once_ng} ${c.bridge_ng}`).join();
  const once = read.dose ? `${read.dose.volume} ${read.dose.duration}` : '';
  const bolus = shown.dose ? `${shown.dose.volume_nl} ${shown.dose.duration_s}` : '';
  const b = read.program?.patient;
  const patient = b ? `${b.volume} ${b.duration} ${b.lockout} ${b.most}` : '';
  const t = shown.program?.ptm;
  const ptm = t ? `${t.volume_nl} ${t.duration_s} ${t.lockout_s} ${t.max_24h}` : '';
  return segments === listed && inside === named && checks === numbers && once === bolus && patient === ptm && read.reason === (shown.reason ?? '');
}
