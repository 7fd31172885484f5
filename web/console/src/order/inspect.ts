import { verifyAssertion } from './assertion';
import { same, type Bytes } from './bytes';
import { checkOrder, classOf, type Findings } from './checks';
import { pushed } from './path';
import { hasTherapy, stateHash } from './content';
import { readApproval, readEnvelope, readPrescription, readRelease, type Approval, type Assertion, type Prescription, type Read, type Release } from './documents';
import { checkNumbers, sameChecks } from './numbers';
import { Refusal, type Code } from './refusal';
import { policyFor, type Keyset } from './trust';
import type { View } from './view';

/**
 * For screens: what was really signed, from the exact bytes, and whether the signatures under it are good. Whatever a server
 * says beside the bytes is not asked.
 */

/** How a seal stands: good, or why it does not count. `unknown` is a key that this keyset does not list. */
export type SealState = 'good' | 'wrong' | 'unknown' | 'revoked' | 'other';

export interface Seal<T> {
  readonly read: Read<T>;
  readonly state: SealState;
  /** The key is one that a demo keeps in software. */
  readonly software: boolean;
  readonly why: string;
}

interface Signer {
  readonly person: string;
  readonly key: Bytes;
}

/** Judges one signature over a statement: the right key, the right person, over exactly this prescription. */
async function seal<T extends Signer & { readonly prescription: Bytes }>(read: Read<T>, a: Assertion, prescription: Bytes, k: Keyset): Promise<Seal<T>> {
  const { doc } = read;
  const end = (state: SealState, why: string, software = false): Seal<T> => ({ read, state, why, software });
  if (!same(doc.prescription, prescription)) return end('other', 'signed for another prescription');
  if (k.revoked.some((id) => same(id, doc.key))) return end('revoked', 'the key was revoked');
  const r = k.keys.find((x) => same(x.key.id, doc.key));
  if (r === undefined) return end('unknown', 'the key is not in the keyset');
  if (r.person !== doc.person || r.usage !== 1) return end('unknown', 'the key is not this person’s key for orders');
  const good = await verifyAssertion({ key: r.key, relyingParty: r.relyingParty, origin: r.origin ?? k.origin }, read.hash, a);
  return good ? end('good', '', r.software) : end('wrong', 'the signature does not fit', r.software);
}

export interface Inspected {
  readonly prescription: Read<Prescription>;
  readonly approvals: readonly Seal<Approval>[];
  readonly release: Seal<Release>;
}

/** Judges one approval of a prescription, before there is an envelope. */
export async function inspectApproval(prescription: Bytes, statement: Bytes, a: Assertion, k: Keyset): Promise<Seal<Approval>> {
  return seal(await readApproval(statement), a, prescription, k);
}

/** Takes an order's envelope apart and judges every seal. Throws a Refusal if it is not an order that can be read. */
export async function inspectOrder(envelope: Bytes, k: Keyset): Promise<Inspected> {
  const e = readEnvelope(envelope);
  if (e.kind !== 1) throw new Refusal('E_FORMAT', 'no order that people approved');
  const prescription = await readPrescription(e.prescription);
  const approvals: Seal<Approval>[] = [];
  for (const a of e.approvals) approvals.push(await inspectApproval(prescription.hash, a.statement, a.assertion, k));
  return { prescription, approvals, release: await seal(await readRelease(e.release), e.assertion, prescription.hash, k) };
}

export interface Judgement {
  /** What the pump would answer to the content of the order, before anybody releases it. */
  readonly code: Code;
  readonly why: string;
  /** Class of people, 1 to 3; 0 if the content is refused. */
  readonly class: number;
  /** How many people must approve and what they must mean; none if no policy permits it. */
  readonly people: number;
  readonly meanings: readonly number[];
  readonly softStep: boolean;
  readonly increase: boolean;
}

const refused = (code: Code, why: string): Judgement => ({ code, why, class: 0, people: 0, meanings: [], softStep: false, increase: false });

/** Runs what the pump will run of a prescription's content against what it runs now: steps 16 to 20. */
export async function judge(view: View, p: Prescription, approvers: readonly Approval[] = []): Promise<Judgement> {
  if (!same(await stateHash(view.stateBytes), p.state)) return refused('E_CAS', 'the pump runs something else than was signed for');
  let found: Findings;
  try {
    found = await checkOrder(view, p, undefined, () => {});
  } catch (err) {
    if (err instanceof Refusal) return refused(err.code, err.message);
    throw err;
  }
  const k = view.keyset?.doc;
  if (k === undefined) return refused('E_KEYSET', 'no keyset');
  const cls = classOf(view, k, p, approvers, found);
  const policy = policyFor(k, p.act, cls);
  if (policy === undefined) return { ...refused('E_QUORUM', 'no policy for this act and class'), class: cls };
  return { code: 'applied', why: '', class: cls, people: policy.people, meanings: policy.meanings, softStep: found.softStep, increase: found.increase };
}

/** Whether the numbers that the signers saw are those that follow from what they signed. */
export function checksHold(view: View, p: Prescription): boolean {
  const idle = view.device.idleRate;
  if (p.visit) {
    return [p.visit.planned, p.visit.same].every((b) => sameChecks(b.checks, checkNumbers({ contents: b.contents, program: b.program, once: b.prime, bridge: b.bridge, old: pushed(view, b.contents).map((f) => f.contents) }, idle)));
  }
  if (p.contents === undefined) return p.checks.length === 0;
  const program = p.dose ? undefined : (p.program ?? (hasTherapy(view.state) ? view.state.program : undefined));
  return sameChecks(p.checks, checkNumbers({ contents: p.contents, program, once: p.dose, bridge: p.bridge, old: pushed(view, p.contents).map((f) => f.contents) }, idle));
}
