import { type Order, trust } from '../api/orders';
import { hex, unbase64url, type Bytes } from '../order/bytes';
import { readPrescription, type Prescription } from '../order/documents';
import { inspectApproval, type SealState } from '../order/inspect';
import { trustedKeyset } from '../order/install';
import { CannotCheck } from '../order/keys';
import { differences, namesOf } from '../order/shown';
import type { Keyset } from '../order/trust';
import { pinned, type Pinned } from './root';

/**
 * What this browser finds about an order by itself, from the exact bytes and with the second verifier of src/order: whether they
 * say what the page shows, whose signatures count under the root that this browser knows, and whether each of them holds.
 */
export interface Proof {
  /** The hash of the bytes is the one that the server names, and the bytes say what the page shows, in every member. */
  readonly document: 'holds' | 'differs' | 'unreadable';
  /** Which settings differ, in words. */
  readonly differ: string;
  readonly hash: string;
  readonly root: Pinned;
  /** The root as the server names it, base64url. */
  readonly named: string;
  readonly keyset: KeysetProof;
  /** In the order of the approvals. */
  readonly signatures: readonly SealState[];
}

/** Whether two administrators that the root names signed the newest keyset. It is asked only under a root that counts. */
export interface KeysetProof {
  readonly state: 'holds' | 'unsigned' | 'missing' | 'root';
  readonly version: string | null;
  readonly signers: number;
}

/** Why nothing may be signed or released on this page, in words; null when all of it holds. */
export function hindrance(p: Proof): string | null {
  if (p.document === 'unreadable') return 'The bytes to sign cannot be read by this browser’s own verifier.';
  if (p.document === 'differs') return `The bytes to sign do not say what this page shows. They differ in: ${p.differ}.`;
  if (p.root.state === 'other') return 'The server names another root than this browser knows: whose signatures count is not certain.';
  if (p.keyset.state === 'missing') return 'The server shows no keyset, so nobody’s signature counts.';
  if (p.keyset.state !== 'holds') return `Keyset ${p.keyset.version ?? ''} is not signed by the administrators that the root names.`;
  if (p.signatures.some((s) => s === 'wrong' || s === 'other')) return 'A signature under this order does not hold.';
  return null;
}

function need(text: string): Bytes {
  const b = unbase64url(text);
  if (b === null) throw new Error('not base64url');
  return b;
}

async function documentOf(o: Order): Promise<Pick<Proof, 'document' | 'differ' | 'hash'> & { bytes: Bytes | null }> {
  let read: { doc: Prescription; hash: Bytes };
  try {
    read = await readPrescription(need(o.bytes!));
  } catch {
    return { document: 'unreadable', differ: '', hash: '', bytes: null };
  }
  const differ = differences(read.doc, o.document);
  const hash = hex(read.hash);
  const words = [...(hash === o.hash ? [] : ['the hash of the document']), ...(differ.length > 0 ? [namesOf(differ)] : [])].join('; ');
  return { document: words === '' ? 'holds' : 'differs', differ: words, hash, bytes: read.hash };
}

async function keysetOf(root: Pinned): Promise<[KeysetProof, Keyset | null]> {
  const current = (await trust.keysets()).items.find((k) => k.current) ?? null;
  const version = current?.version ?? null;
  if (!current?.document) return [{ state: 'missing', version, signers: 0 }, null];
  if (root.state === 'other') return [{ state: 'root', version, signers: 0 }, null];
  try {
    const k = await trustedKeyset(root.root, need(current.document));
    return [{ state: 'holds', version, signers: root.root.keyset.threshold }, k.doc];
  } catch (err) {
    if (err instanceof CannotCheck) throw err;
    return [{ state: 'unsigned', version, signers: 0 }, null];
  }
}

export async function prove(o: Order): Promise<Proof> {
  if (o.bytes === null || o.document === null) throw new Error('an order without bytes proves nothing');
  const named = (await trust.root()).document;
  const root = await pinned(named);
  const [keyset, listed] = await keysetOf(root);
  const { bytes, ...document } = await documentOf(o);
  const signatures = await Promise.all(o.approvals.map(async (a): Promise<SealState> => {
    if (bytes === null) return 'wrong';
    if (!listed) return 'unknown';
    try {
      const assertion = { authenticator: need(a.assertion.authenticator_data), client: need(a.assertion.client_data_json), signature: need(a.assertion.signature) };
      const seal = await inspectApproval(bytes, need(a.statement), assertion, listed);
      return seal.state === 'good' && seal.read.doc.person !== a.person.login ? 'other' : seal.state;
    } catch (err) {
      if (err instanceof CannotCheck) throw err;
      return 'wrong';
    }
  }));
  return { ...document, root, named, keyset, signatures };
}
