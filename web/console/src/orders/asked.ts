import type { Meaning, SignRequest } from '../api/orders';
import { Problem } from '../api/problem';
import { base64url, hex, unbase64url, type Bytes } from '../order/bytes';
import { Meaning as meanings, readApproval, readRelease, readStop, readWithdrawal, type Read } from '../order/documents';

/**
 * What the server asks an authenticator to sign, checked before it is asked: an authenticator shows a person nothing, so the
 * page reads the statement by itself, and signs the hash that it computed.
 */

/** What the person on this page means to sign. Hashes are hexadecimal; null where the page does not know it. */
export type Meant =
  | { readonly kind: 'approval'; readonly prescription: string; readonly meaning: Meaning }
  | { readonly kind: 'release'; readonly prescription: string; readonly branch?: 'planned' | 'same'; readonly aspirated_nl?: string; readonly filled_nl?: string }
  | { readonly kind: 'stop'; readonly pump: string | null; readonly reason: string; readonly overdose: boolean }
  | { readonly kind: 'withdraw'; readonly prescription: string | null; readonly reason: string };

/** The longest that a release or a stop may live, in seconds. */
const LIFE = 900n;

const meaningNo: Record<Meaning, number> = { prescribe: meanings.prescribe, verify: meanings.verify, pharmacist: meanings.pharmacist, policy: meanings.alone };

interface Signer {
  readonly person: string;
  readonly key: Bytes;
}

type Line = readonly [name: string, holds: boolean];

async function approval(raw: Bytes, m: Meant & { kind: 'approval' }): Promise<[Read<Signer>, Line[]]> {
  const r = await readApproval(raw);
  return [r, [['which order it is', hex(r.doc.prescription) === m.prescription], ['what you say by it', r.doc.meaning === meaningNo[m.meaning]]]];
}

async function release(raw: Bytes, m: Meant & { kind: 'release' }): Promise<[Read<Signer>, Line[]]> {
  const r = await readRelease(raw);
  const branch = m.branch === undefined ? 0 : m.branch === 'planned' ? 1 : 2;
  return [r, [
    ['which order it is', hex(r.doc.prescription) === m.prescription], ['how long it may apply', r.doc.exp - r.doc.iat <= LIFE], ['the branch', r.doc.branch === branch],
    ['the aspirated volume', r.doc.measured?.aspirated.toString() === m.aspirated_nl], ['the filled volume', r.doc.measured?.filled.toString() === m.filled_nl],
  ]];
}

async function stop(raw: Bytes, m: Meant & { kind: 'stop' }): Promise<[Read<Signer>, Line[]]> {
  const r = await readStop(raw);
  return [r, [
    ['which pump it is', m.pump === null || hex(r.doc.pump) === m.pump], ['the reason', r.doc.reason === m.reason], ['whether it is an overdose', r.doc.overdose === m.overdose],
    ['how long it may apply', r.doc.exp - r.doc.iat <= LIFE],
  ]];
}

async function withdraw(raw: Bytes, m: Meant & { kind: 'withdraw' }): Promise<[Read<Signer>, Line[]]> {
  const r = await readWithdrawal(raw);
  return [r, [['which order it is', m.prescription === null || hex(r.doc.prescription) === m.prescription], ['the reason', r.doc.reason === m.reason]]];
}

function readAs(raw: Bytes, m: Meant): Promise<[Read<Signer>, Line[]]> {
  switch (m.kind) {
    case 'approval': return approval(raw, m);
    case 'release': return release(raw, m);
    case 'stop': return stop(raw, m);
    default: return withdraw(raw, m);
  }
}

const deceived = (detail: string) => new Problem(409, 'The server asks for a signature under something else than you read', `${detail} Nothing was signed. Tell the engineers.`);

/** Checks what the server asks to be signed, and returns the challenge, computed here. Throws a Problem when it differs. */
export async function challengeFor(ask: SignRequest, meant: Meant, who: { readonly login: string; readonly key: string }): Promise<string> {
  const raw = unbase64url(ask.document);
  if (raw === null) throw deceived('Its document cannot be read.');
  const [r, lines] = await readAs(raw, meant).catch((): never => { throw deceived('Its document cannot be read, or is of another kind.'); });
  const wrong = ([...lines, ['whose signature it is', r.doc.person === who.login], ['with which key', hex(r.doc.key) === who.key]] as Line[]).filter(([, holds]) => !holds).map(([name]) => name);
  if (wrong.length > 0) throw deceived(`It differs in: ${wrong.join(', ')}.`);
  const challenge = base64url(r.hash);
  if (challenge !== ask.challenge) throw deceived('Its challenge is not the hash of its document.');
  return challenge;
}
