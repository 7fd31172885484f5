import { isZero, same, type Bytes } from './bytes';
import { verifyAssertion } from './assertion';
import { checkOrder, checkTransfer, classOf, keysetExpired, type Findings } from './checks';
import { hasTherapy, Mode, stateHash } from './content';
import {
  Act, lifeOf, Meaning, MAX_ENVELOPE, readApproval, readEnvelope, readPrescription, readRelease, readStop, readWithdrawal,
  type Approval, type Assertion, type Envelope, type Prescription, type Read, type Release,
} from './documents';
import { DAY, MAX_COUNT } from './fields';
import { must, Refusal, refuse } from './refusal';
import { covers, policyFor, quorumMet, recordAt, type Keyset, type KeyRecord } from './trust';
import { Busy, type Budget, type Verdict, type View } from './view';

/**
 * What a pump answers to a document on dn/order and dn/stop: the steps of docs/protocol.md section 6, in their order. Written
 * from that page alone, beside the pump's own verifier, so that a mistake of one shows as a disagreement of the two. Changes
 * nothing: what would be remembered is in the verdict.
 */

export type Topic = 'dn/order' | 'dn/stop' | 'dn/keyset' | 'dn/library' | 'dn/root';

/** The verdict while it is being reached. */
interface Course {
  step: number;
  class: number;
  burned: boolean;
  document: Bytes | undefined;
  prescription: Bytes | undefined;
}

const QUARTER = 900_000n;
const SLACK = 60n;
const ROTATED = 31n * DAY;
const ROOM = 64;

/** An answer that was given before ends the course. */
class Answered extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`${code}: answered before`);
    this.code = code;
  }
}

export async function verifyOrder(view: View, topic: 'dn/order' | 'dn/stop', raw: Uint8Array, retained = false): Promise<Verdict> {
  const c: Course = { step: 1, class: 0, burned: false, document: undefined, prescription: undefined };
  const end = (code: string, why: string, cached = false): Verdict => ({ ...c, code, why, cached });
  try {
    carrier(view, topic, raw, retained);
    c.step = 2;
    const envelope = readEnvelope(raw);
    must((envelope.kind === 2) === (topic === 'dn/stop'), 'E_FORMAT', 'a document of the other topic');
    c.step = 3;
    switch (envelope.kind) {
      case 1: await release(view, envelope, c); break;
      case 2: await stop(view, envelope, c); break;
      case 3: await withdrawal(view, envelope, c); break;
      default: await rootTransfer(view, envelope, c);
    }
    c.step = 22;
    return end('applied', '');
  } catch (err) {
    if (err instanceof Answered) return end(err.code, err.message, true);
    if (err instanceof Refusal) return end(err.code, err.message);
    throw err;
  }
}

function carrier(view: View, topic: string, raw: Uint8Array, retained: boolean): void {
  must(!retained, 'E_RETAINED', 'kept by a broker');
  must(raw.length <= MAX_ENVELOPE, 'E_SIZE', `${raw.length} bytes`);
  const [budget, most]: [Budget, number] = topic === 'dn/stop' ? [view.budgets.stops, 60] : [view.budgets.orders, 30];
  const sameMinute = budget.taken > 0 && view.mono - budget.since < 60_000n;
  must(!sameMinute || budget.taken < most, 'E_RATE', 'too many documents in a minute');
}

function answered(view: View, hash: Bytes): void {
  const before = view.memory.answers.find((a) => same(a.hash, hash));
  if (before) throw new Answered(before.code);
}

/** Step 7, without the expiry: there is a keyset, and it is for this site. */
function keysetOf(view: View): Keyset {
  const k = view.keyset?.doc;
  if (k === undefined) return refuse('E_KEYSET', 'no keyset');
  must(covers(k, view.site), 'E_KEYSET', 'a keyset for other sites');
  return k;
}

/** Step 9 for one signature: the record of a key that counts for this person, here, when it signed. */
function recordOf(view: View, k: Keyset, person: string, key: Bytes, signedAt: bigint, iat = signedAt): KeyRecord {
  must(!k.revoked.some((id) => same(id, key)), 'E_REVOKED', 'a revoked key');
  const r = recordAt(k, key, view.site);
  if (r === undefined) return refuse('E_KEY', 'a key that is not listed');
  must(r.person === person, 'E_KEY', 'another person’s key');
  must(r.usage === 1, 'E_KEY', 'a key for other things');
  must(r.sites.length === 0 || r.sites.some((s) => same(s, view.site)), 'E_KEY', 'a key for other sites');
  must(signedAt >= r.notBefore && signedAt <= r.notAfter && iat <= r.notAfter + ROTATED, 'E_KEY', 'signed outside of the key’s life');
  return r;
}

/** Step 10 for one signature. */
async function signed(k: Keyset, r: KeyRecord, challenge: Bytes, a: Assertion): Promise<void> {
  const signer = { key: r.key, relyingParty: r.relyingParty, origin: r.origin ?? k.origin };
  must(await verifyAssertion(signer, challenge, a), 'E_SIG', `the signature of ${r.person} is wrong`);
}

function counterFollows(last: bigint, counter: bigint): void {
  must(counter > last && counter <= last + 1024n && counter <= MAX_COUNT, 'E_CTR', `counter ${counter} does not follow ${last}`);
}

/** Step 14: the nonce is one of the newest n, and its window is not too old and not of the future. */
function window(view: View, nonce: Bytes, n: number): void {
  const born = view.windows.slice(-n).find((w) => same(w.nonce, nonce))?.born;
  must(born !== undefined && born <= view.mono && view.mono - born <= BigInt(n) * QUARTER, 'E_WINDOW', 'a window that is over');
}

function moment(view: View, iat: bigint, exp: bigint, askClock: boolean): void {
  must(!askClock || view.now >= iat - SLACK, 'E_NOTYET', 'signed in the future');
  must(!askClock || view.now <= exp + SLACK, 'E_EXPIRED', 'its moment is over');
}

function life(p: Prescription, t: bigint | undefined): void {
  must(p.expires - p.notBefore <= lifeOf(p.act), 'E_EXPIRED', 'it lives longer than it may');
  if (t === undefined) return;
  must(t >= p.notBefore - SLACK, 'E_NOTYET', 'not yet');
  must(t <= p.expires + SLACK, 'E_EXPIRED', 'expired');
}

function addressed(view: View, p: Prescription, hash: Bytes): void {
  must(same(p.pump, view.pump) && p.serial === view.serial, 'E_AUD', 'for another pump');
  const known = view.memory.answers.some((a) => same(a.hash, hash));
  must(known || same(p.site, view.site), 'E_AUD', 'for another site');
}

function bound(view: View, p: Prescription): void {
  must(p.epoch === view.state.epoch, 'E_EPOCH', `epoch ${p.epoch}, not ${view.state.epoch}`);
  const here = same(p.patient, view.patient);
  must(p.act === Act.bind ? !here : here && !isZero(view.patient), 'E_PATIENT', 'for another patient, or a bind to the same one');
}

async function release(view: View, e: Envelope & { kind: 1 }, c: Course): Promise<void> {
  const p = await readPrescription(e.prescription);
  const r = await readRelease(e.release);
  const approvals: { readonly read: Read<Approval>; readonly assertion: Assertion }[] = [];
  for (const a of e.approvals) approvals.push({ read: await readApproval(a.statement), assertion: a.assertion });
  // Named only once all of the envelope could be read: what is not understood whole is not answered by name.
  c.prescription = p.hash;
  c.document = r.hash;
  must((r.doc.branch !== 0) === (p.doc.act === Act.visit), 'E_FORMAT', 'a branch without a visit, or a visit without a branch');
  c.step = 4;
  addressed(view, p.doc, r.hash);
  c.step = 5;
  answered(view, r.hash);
  c.step = 6;
  bound(view, p.doc);
  c.step = 7;
  const k = keysetOf(view);
  must(p.doc.keyset <= k.version && r.doc.keyset <= k.version, 'E_KEYSET', 'it names a newer keyset');
  const lenient = p.doc.act === Act.clock || p.doc.act === Act.resume;
  must(lenient || !keysetExpired(view, k), 'E_KEYSET', 'the keyset has expired');
  c.step = 8;
  must([r.doc, ...approvals.map((a) => a.read.doc)].every((d) => same(d.prescription, p.hash)), 'E_SIG', 'signed for another prescription');
  c.step = 9;
  const records = approvals.map((a) => recordOf(view, k, a.read.doc.person, a.read.doc.key, a.read.doc.signedAt, r.doc.iat));
  const releaser = recordOf(view, k, r.doc.person, r.doc.key, r.doc.iat);
  c.step = 10;
  for (const [i, a] of approvals.entries()) await signed(k, records[i]!, a.read.hash, a.assertion);
  await signed(k, releaser, r.hash, e.assertion);
  c.step = 11;
  counterFollows(view.memory.counter, r.doc.counter);
  c.burned = true;
  c.step = 12;
  people(approvals.map((a) => a.read.doc), records);
  must(releaser.roles.includes(5), 'E_ROLE', 'released by one who may not');
  c.step = 13;
  must(!view.memory.withdrawn.some((w) => same(w.prescription, p.hash)), 'E_WITHDRAWN', 'taken back');
  must(p.doc.act !== Act.bolus || !view.memory.boluses.some((b) => same(b.prescription, p.hash)), 'E_REPLAY', 'the bolus was given');
  c.step = 14;
  window(view, r.doc.window, 2);
  if (p.doc.act === Act.bolus) window(view, p.doc.window!, 2);
  c.step = 15;
  times(view, p.doc, r.doc, approvals.map((a) => a.read.doc));
  c.step = 16;
  must(same(await stateHash(view.stateBytes), p.doc.state), 'E_CAS', 'it runs something else');
  const found = await checkOrder(view, p.doc, r.doc, (step) => (c.step = step));
  c.step = 20;
  c.class = classOf(view, k, p.doc, approvals.map((a) => a.read.doc), found);
  quorum(k, p.doc.act, c.class, approvals.map((a) => a.read.doc));
  c.step = 21;
  condition(view, p.doc, found);
  c.step = 22;
  must(p.doc.act !== Act.bolus || roomForBolus(view), 'E_FULL', 'no room to remember the bolus');
}

function people(approvals: readonly Approval[], records: readonly KeyRecord[]): void {
  approvals.forEach((a, i) => {
    must(!approvals.slice(0, i).some((b) => b.person === a.person), 'E_DUP_SIGNER', `${a.person} approved twice`);
    must(records[i]!.roles.includes(a.meaning), 'E_ROLE', `${a.person} may not sign so`);
  });
}

function times(view: View, p: Prescription, r: Release, approvals: readonly Approval[]): void {
  must(r.exp - r.iat <= 900n, 'E_EXPIRED', 'a release that lives too long');
  must(approvals.every((a) => a.signedAt <= r.iat + SLACK), 'E_NOTYET', 'approved after it was released');
  const askClock = view.trusted && p.act !== Act.clock;
  moment(view, r.iat, r.exp, askClock);
  life(p, askClock ? view.now : r.iat);
}

function quorum(k: Keyset, act: number, cls: number, approvals: readonly Approval[]): void {
  const policy = policyFor(k, act, cls);
  if (policy === undefined) return refuse('E_QUORUM', 'no policy for this act and class');
  must(approvals.length >= policy.people, 'E_QUORUM', `${approvals.length} of ${policy.people} people`);
  for (const m of policy.meanings) must(approvals.some((a) => a.meaning === m), 'E_ROLE', `nobody signed to ${meaningName(m)}`);
}

const meaningName = (m: number): string => Object.entries(Meaning).find(([, v]) => v === m)?.[0] ?? `meaning ${m}`;

const movesOrReplaces = new Set<number>([Act.program, Act.bolus, Act.prime, Act.visit, Act.erase, Act.adopt, Act.clock]);

function condition(view: View, p: Prescription, found: Findings): void {
  const { state, faults } = view;
  must(view.busy !== Busy.firmware, 'E_BUSY', 'firmware is being installed');
  must(view.busy === Busy.idle || !movesOrReplaces.has(p.act), 'E_BUSY', 'a bolus or priming runs');
  switch (p.act) {
    case Act.bolus:
      must(!view.foreign && state.run === 1 && state.program.mode !== Mode.single && faults.length === 0, 'E_STATE', 'no bolus in this state');
      must(view.path.length === 0, 'E_STATE', 'other fluid stands in the path');
      break;
    case Act.prime: must(faults.every((f) => f === 'PRIME_FAIL'), 'E_STATE', 'no priming with this fault'); break;
    case Act.resume: must(state.run !== 1 && hasTherapy(state), 'E_STATE', 'nothing to resume'); break;
    case Act.adopt: must(view.foreign && hasTherapy(state), 'E_STATE', 'nothing to adopt'); break;
    case Act.program:
    case Act.visit: must(!found.increase || faults.length === 0, 'E_STATE', 'no increase with this fault'); break;
    default:
  }
}

function roomForBolus(view: View): boolean {
  const newest = view.windows.slice(-2);
  return view.memory.boluses.filter((b) => newest.some((w) => same(w.nonce, b.window))).length < ROOM;
}

async function stop(view: View, e: Envelope & { kind: 2 | 3 }, c: Course): Promise<void> {
  const { doc, hash } = await readStop(e.statement);
  c.document = hash;
  c.step = 4;
  must(same(doc.pump, view.pump), 'E_AUD', 'for another pump');
  c.step = 5;
  answered(view, hash);
  c.step = 6;
  must(doc.epoch === view.state.epoch, 'E_EPOCH', 'another epoch');
  c.step = 7;
  const k = keysetOf(view);
  c.step = 9;
  const r = recordOf(view, k, doc.person, doc.key, doc.iat);
  c.step = 10;
  await signed(k, r, hash, e.assertion);
  c.step = 11;
  counterFollows(view.memory.stops, doc.counter);
  c.burned = true;
  c.step = 12;
  must([6, 1, 2, 3].some((role) => r.roles.includes(role)), 'E_ROLE', 'stopped by one who may not');
  c.step = 14;
  window(view, doc.window, 4);
  c.step = 15;
  must(doc.exp - doc.iat <= 900n, 'E_EXPIRED', 'a stop that lives too long');
  moment(view, doc.iat, doc.exp, view.trusted);
  c.step = 21;
  must(view.memory.stopTimes.filter((t) => view.run - t < 600_000n).length < 3, 'E_RATE', 'three stops in ten minutes');
  c.class = 1;
}

async function withdrawal(view: View, e: Envelope & { kind: 2 | 3 }, c: Course): Promise<void> {
  const { doc, hash } = await readWithdrawal(e.statement);
  c.document = hash;
  c.prescription = doc.prescription;
  c.step = 4;
  must(same(doc.pump, view.pump), 'E_AUD', 'for another pump');
  c.step = 5;
  answered(view, hash);
  c.step = 6;
  must(doc.epoch === view.state.epoch, 'E_EPOCH', 'another epoch');
  c.step = 7;
  const k = keysetOf(view);
  c.step = 9;
  const r = recordOf(view, k, doc.person, doc.key, doc.iat);
  c.step = 10;
  await signed(k, r, hash, e.assertion);
  c.step = 12;
  must([1, 2, 3, 5].some((role) => r.roles.includes(role)), 'E_ROLE', 'taken back by one who may not');
  c.step = 15;
  must(!view.trusted || doc.iat <= view.now + SLACK, 'E_NOTYET', 'signed in the future');
  c.step = 21;
  must(!view.memory.applied.some((h) => same(h, doc.prescription)), 'E_STATE', 'it was applied');
  const kept = view.memory.withdrawn.filter((w) => w.gen >= view.state.gen || same(w.prescription, doc.prescription));
  must(kept.length < ROOM || kept.some((w) => same(w.prescription, doc.prescription)), 'E_FULL', 'no room to remember it');
  c.class = 1;
}

async function rootTransfer(view: View, e: Envelope & { kind: 4 }, c: Course): Promise<void> {
  const { doc: p, hash, raw } = await readPrescription(e.prescription);
  must(p.act === Act.transfer, 'E_FORMAT', 'the root signs transfers alone');
  c.prescription = hash;
  c.document = hash;
  c.step = 4;
  addressed(view, p, hash);
  c.step = 5;
  answered(view, hash);
  c.step = 6;
  bound(view, p);
  c.step = 10;
  must(await quorumMet(view.root.doc.root, 'transfer', raw, e.signatures), 'E_SIG', 'not signed by the root');
  c.step = 13;
  must(!view.memory.withdrawn.some((w) => same(w.prescription, hash)), 'E_WITHDRAWN', 'taken back');
  c.step = 15;
  life(p, view.trusted ? view.now : undefined);
  c.step = 16;
  must(same(await stateHash(view.stateBytes), p.state), 'E_CAS', 'it runs something else');
  c.step = 17;
  await checkTransfer(view, p);
  c.step = 21;
  must(view.busy !== Busy.firmware, 'E_BUSY', 'firmware is being installed');
}
