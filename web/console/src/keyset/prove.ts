import type { Keyset } from '../api/orders';
import { hex, sha256, unbase64url, type Bytes } from '../order/bytes';
import { quorumMet, readKeyset, readKeysetBody, type Keyset as Read } from '../order/trust';
import { pinned, type Pinned } from '../orders/root';

/** What this browser finds about a keyset by itself, from its bytes and under the root that it knows. */
export interface KeysetProof {
  readonly content: 'holds' | 'differs' | 'unreadable';
  readonly signed: 'good' | 'bad' | 'none' | 'other root';
  /** SHA-256 of what is signed. */
  readonly hash: string;
  readonly root: Pinned;
}

function need(text: string): Bytes {
  const b = unbase64url(text);
  if (b === null) throw new Error('not base64url');
  return b;
}

const roles = ['', 'prescriber', 'verifier', 'pharmacist', 'policy', 'release', 'stop'];

const ofBytes = (k: Read): unknown => [
  Number(k.version), Number(k.issued), Number(k.expires), k.origin, k.keys.map((p) => [p.person, p.key.text, p.roles.map((r) => roles[r]), Number(p.notBefore), Number(p.notAfter), p.software, p.relyingParty, p.sites.map(hex)]), k.revoked.map(hex),
];
const ofPage = (k: Keyset['keyset']): unknown => [k.version, k.issued, k.expires, k.origin, k.keys.map((p) => [p.person, p.key, p.roles, p.not_before, p.not_after, p.software, p.rp_id, p.sites ?? []]), k.revoked ?? []];

export async function proveKeyset(v: Keyset, root: string, demo: boolean): Promise<KeysetProof> {
  const top = await pinned(root);
  try {
    const body = need(v.body);
    const hash = hex(await sha256(body));
    const content = JSON.stringify(ofBytes(await readKeysetBody(body, demo))) === JSON.stringify(ofPage(v.keyset)) ? 'holds' : 'differs';
    if (!v.document) return { content, hash, signed: 'none', root: top };
    if (top.state === 'other') return { content, hash, signed: 'other root', root: top };
    const doc = await readKeyset(need(v.document), top.root.demo);
    const good = hex(doc.body) === hex(body) && (await quorumMet(top.root.keyset, 'keyset', doc.body, doc.signatures));
    return { content, hash, signed: good ? 'good' : 'bad', root: top };
  } catch {
    return { content: 'unreadable', hash: '', signed: v.document ? 'bad' : 'none', root: top };
  }
}
