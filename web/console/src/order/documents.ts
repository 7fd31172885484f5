import { hashIn, type Bytes, type Domain } from './bytes';
import { decode, formatOf, type Value } from './cbor';
import {
  readAlarmSettings, readContents, readDose, readLimits, readProgram, Mode,
  type AlarmSettings, type Contents, type Dose, type Limits, type Program,
} from './content';
import {
  bool, bytes, byNumber, choice, count, DAY, drugCode, Fields, hash, id, items, list, MAX_MASS, MAX_VOLUME, number, plain, realId, rising, time,
} from './fields';
import { must, refuse } from './refusal';

/** The documents of an order, of docs/protocol.md section 4. */

export const Act = {
  program: 1, bolus: 2, prime: 3, visit: 4, bind: 5, alarms: 6, resume: 7, erase: 8, adopt: 9, transfer: 10, clock: 11,
} as const;

export const Meaning = { prescribe: 1, verify: 2, pharmacist: 3, alone: 4 } as const;

export interface Check {
  readonly code: bigint;
  readonly day: bigint;
  readonly worst: bigint;
  readonly once: bigint;
  readonly bridge: bigint;
}

export interface Flag {
  readonly code: number;
  readonly reason: string;
}

export interface Branch {
  readonly contents: Contents;
  readonly limits: Limits;
  readonly program: Program;
  readonly prime: Dose | undefined;
  readonly bridge: Dose | undefined;
  readonly checks: readonly Check[];
}

export interface Bounds {
  readonly aspirated: readonly [least: bigint, most: bigint];
  readonly filled: readonly [least: bigint, most: bigint];
}

export interface Visit {
  readonly planned: Branch;
  readonly same: Branch;
  readonly bounds: Bounds;
  readonly rinse: bigint;
}

export interface Prescription {
  readonly act: number;
  readonly id: Bytes;
  readonly pump: Bytes;
  readonly serial: string;
  readonly site: Bytes;
  readonly patient: Bytes;
  readonly epoch: bigint;
  readonly state: Bytes;
  readonly notBefore: bigint;
  readonly expires: bigint;
  readonly keyset: bigint;
  readonly reason: string;
  readonly flags: readonly Flag[];
  readonly library: Bytes | undefined;
  readonly group: number;
  readonly contents: Contents | undefined;
  readonly limits: Limits | undefined;
  readonly program: Program | undefined;
  readonly dose: Dose | undefined;
  readonly bridge: Dose | undefined;
  readonly checks: readonly Check[];
  readonly window: Bytes | undefined;
  readonly visit: Visit | undefined;
  readonly alarms: AlarmSettings | undefined;
  readonly volume: bigint;
  readonly transfer: { readonly site: Bytes; readonly keyset: Bytes } | undefined;
  readonly zone: bigint;
}

export interface Approval {
  readonly prescription: Bytes;
  readonly person: string;
  readonly key: Bytes;
  readonly meaning: number;
  readonly signedAt: bigint;
  readonly build: Bytes;
}

export interface Release {
  readonly prescription: Bytes;
  readonly counter: bigint;
  readonly window: Bytes;
  readonly keyset: bigint;
  readonly iat: bigint;
  readonly exp: bigint;
  readonly person: string;
  readonly key: Bytes;
  readonly build: Bytes;
  /** 1 as planned, 2 same dose; 0 for what is no visit. */
  readonly branch: number;
  readonly measured: { readonly aspirated: bigint; readonly filled: bigint } | undefined;
}

export interface Stop {
  readonly id: Bytes;
  readonly pump: Bytes;
  readonly epoch: bigint;
  readonly counter: bigint;
  readonly window: Bytes;
  readonly iat: bigint;
  readonly exp: bigint;
  readonly overdose: boolean;
  readonly reason: string;
  readonly person: string;
  readonly key: Bytes;
  readonly build: Bytes;
}

export interface Withdrawal {
  readonly pump: Bytes;
  readonly epoch: bigint;
  readonly prescription: Bytes;
  readonly iat: bigint;
  readonly reason: string;
  readonly person: string;
  readonly key: Bytes;
  readonly build: Bytes;
}

/** A document as read, with the bytes it came in and the hash that names it: for all but a prescription also its challenge. */
export interface Read<T> {
  readonly doc: T;
  readonly raw: Bytes;
  readonly hash: Bytes;
}

// A counter may be any number of 64 bits: what does not follow is E_CTR, not E_FORMAT.
const counter = number(0n, (1n << 64n) - 1n);
const person = plain(1, 64);
const reason = plain(1, 200);
const mass = number(0n, MAX_MASS);

const check = (v: Value): Check => {
  const [code, day, worst, once, bridge] = items(v, 5);
  return { code: drugCode(code!), day: mass(day!), worst: mass(worst!), once: mass(once!), bridge: mass(bridge!) };
};

function readChecks(v: Value): Check[] {
  const all = list(check, 0, 12)(v);
  rising(all, (a, b) => byNumber(a.code, b.code), 'check numbers');
  return all;
}

const flag = (v: Value): Flag => {
  const [code, why] = items(v, 2);
  return { code: choice(1, 2)(code!), reason: reason(why!) };
};

function readFlags(v: Value): Flag[] {
  const all = list(flag)(v);
  rising(all, (a, b) => a.code - b.code, 'flags');
  return all;
}

/** Whatever infuses by an order moves: neither stopped nor at the minimum rate, unless it says so on purpose. */
const idle = (p: Program): boolean => p.mode === Mode.stopped || p.mode === Mode.minimum;

function readBranch(mayRest: boolean): (v: Value) => Branch {
  return (v) => {
    const f = new Fields(v);
    const b: Branch = {
      contents: f.need(1, readContents), limits: f.need(2, readLimits), program: f.need(3, readProgram), prime: f.maybe(4, readDose),
      bridge: f.maybe(5, readDose), checks: f.need(6, readChecks),
    };
    f.done();
    must(mayRest || !idle(b.program), 'E_FORMAT', 'a branch that does not infuse');
    mustRestQuietly(b.program);
    return b;
  };
}

function mustRestQuietly(p: Program): void {
  must(!idle(p) || p.patient === undefined, 'E_FORMAT', 'patient boluses beside a program that rests');
}

function readBounds(v: Value): Bounds {
  const f = new Fields(v);
  const b: Bounds = {
    aspirated: [f.need(1, number(0n, MAX_VOLUME)), f.need(2, number(0n, MAX_VOLUME))],
    filled: [f.need(3, number(1n, MAX_VOLUME)), f.need(4, number(1n, MAX_VOLUME))],
  };
  f.done();
  must(b.aspirated[0] <= b.aspirated[1] && b.filled[0] <= b.filled[1], 'E_FORMAT', 'bounds that nothing meets');
  return b;
}

function readVisit(v: Value): Visit {
  const f = new Fields(v);
  const visit: Visit = {
    planned: f.need(1, readBranch(false)), same: f.need(2, readBranch(true)), bounds: f.need(3, readBounds), rinse: f.maybe(4, number(1n, MAX_VOLUME)) ?? 0n,
  };
  f.done();
  return visit;
}

function readTransfer(v: Value): { site: Bytes; keyset: Bytes } {
  const f = new Fields(v);
  const t = { site: f.need(1, realId), keyset: f.need(2, bytes()) };
  f.done();
  must(t.keyset.length > 0, 'E_FORMAT', 'a transfer without keyset');
  return t;
}

/** Of each act: the fields from 14 on that it must have, those it may have, and how long it may live. */
const acts: Record<number, { must: readonly number[]; may: readonly number[]; life: bigint }> = {
  [Act.program]: { must: [15, 16, 17, 18, 19, 22], may: [14, 21], life: 7n * DAY },
  [Act.bolus]: { must: [15, 16, 17, 20, 22, 23], may: [14], life: 900n },
  [Act.prime]: { must: [15, 16, 17, 20, 22], may: [], life: 7n * DAY },
  [Act.visit]: { must: [15, 16, 24], may: [14], life: 30n * DAY },
  [Act.bind]: { must: [], may: [], life: 7n * DAY },
  [Act.alarms]: { must: [25], may: [], life: 7n * DAY },
  [Act.resume]: { must: [], may: [], life: 7n * DAY },
  [Act.erase]: { must: [19], may: [], life: 7n * DAY },
  [Act.adopt]: { must: [15, 16, 17, 18, 22, 26], may: [14], life: 7n * DAY },
  [Act.transfer]: { must: [27], may: [], life: 7n * DAY },
  [Act.clock]: { must: [28], may: [], life: 7n * DAY },
};

/** How long a prescription of this act may live, in seconds. */
export const lifeOf = (act: number): bigint => acts[act]!.life;

function fieldsFit(f: Fields, p: Prescription): void {
  const form = acts[p.act]!;
  const late = f.keys().filter((k) => k >= 14);
  must(form.must.every((k) => late.includes(k)), 'E_FORMAT', 'a field that its act needs is missing');
  must(late.every((k) => form.must.includes(k) || form.may.includes(k)), 'E_FORMAT', 'a field that its act has not');
  must(p.notBefore < p.expires, 'E_FORMAT', 'it expires before it begins');
  if (p.program === undefined) return;
  must(idle(p.program) === (p.act === Act.erase), 'E_FORMAT', 'a program that rests, or an erase that does not');
  mustRestQuietly(p.program);
}

function prescription(f: Fields): Prescription {
  const p: Prescription = {
    act: f.need(2, choice(1, 11)), id: f.need(3, realId), pump: f.need(4, hash), serial: f.need(5, plain(1, 64)), site: f.need(6, id), patient: f.need(7, realId),
    epoch: f.need(8, count), state: f.need(9, hash), notBefore: f.need(10, time), expires: f.need(11, time), keyset: f.need(12, count),
    reason: f.maybe(13, plain(1, 200)) ?? '', flags: f.maybe(14, readFlags) ?? [], library: f.maybe(15, hash), group: f.maybe(16, choice(1, 5)) ?? 0,
    contents: f.maybe(17, readContents), limits: f.maybe(18, readLimits), program: f.maybe(19, readProgram), dose: f.maybe(20, readDose),
    bridge: f.maybe(21, readDose), checks: f.maybe(22, readChecks) ?? [], window: f.maybe(23, id), visit: f.maybe(24, readVisit),
    alarms: f.maybe(25, readAlarmSettings), volume: f.maybe(26, number(1n, MAX_VOLUME)) ?? 0n, transfer: f.maybe(27, readTransfer),
    zone: f.has(28) ? f.need(28, number(-50_400n, 50_400n)) : 0n, // UTC is 0 and is written
  };
  f.done();
  fieldsFit(f, p);
  return p;
}

function approval(f: Fields): Approval {
  const a = {
    prescription: f.need(2, hash), person: f.need(3, person), key: f.need(4, hash), meaning: f.need(5, choice(1, 4)), signedAt: f.need(6, time), build: f.need(7, hash),
  };
  f.done();
  return a;
}

function readMeasured(v: Value): { aspirated: bigint; filled: bigint } {
  const f = new Fields(v);
  const m = { aspirated: f.need(1, number(0n, MAX_VOLUME)), filled: f.need(2, number(1n, MAX_VOLUME)) };
  f.done();
  return m;
}

function release(f: Fields): Release {
  const r: Release = {
    prescription: f.need(2, hash), counter: f.need(3, counter), window: f.need(4, id), keyset: f.need(5, count), iat: f.need(6, time), exp: f.need(7, time),
    person: f.need(8, person), key: f.need(9, hash), build: f.need(10, hash), branch: f.maybe(11, choice(1, 2)) ?? 0, measured: f.maybe(12, readMeasured),
  };
  f.done();
  must(r.iat < r.exp, 'E_FORMAT', 'it ends before it begins');
  must((r.branch !== 0) === (r.measured !== undefined), 'E_FORMAT', 'a branch without volumes, or volumes without a branch');
  return r;
}

function stop(f: Fields): Stop {
  const s: Stop = {
    id: f.need(2, realId), pump: f.need(3, hash), epoch: f.need(4, count), counter: f.need(5, counter), window: f.need(6, id), iat: f.need(7, time), exp: f.need(8, time),
    overdose: f.need(9, bool), reason: f.need(10, reason), person: f.need(11, person), key: f.need(12, hash), build: f.need(13, hash),
  };
  f.done();
  must(s.iat < s.exp, 'E_FORMAT', 'it ends before it begins');
  return s;
}

function withdrawal(f: Fields): Withdrawal {
  const w = {
    pump: f.need(2, hash), epoch: f.need(3, count), prescription: f.need(4, hash), iat: f.need(5, time), reason: f.need(6, reason), person: f.need(7, person),
    key: f.need(8, hash), build: f.need(9, hash),
  };
  f.done();
  return w;
}

interface Kind<T> {
  readonly domain: Domain;
  readonly bytes: number;
  readonly depth: number;
  readonly items: number;
  readonly read: (f: Fields) => T;
}

const kinds = {
  prescription: { domain: 'pump.prescription.v1', bytes: 8192, depth: 6, items: 512, read: prescription } as Kind<Prescription>,
  approval: { domain: 'pump.approval.v1', bytes: 4096, depth: 4, items: 128, read: approval } as Kind<Approval>,
  release: { domain: 'pump.release.v1', bytes: 4096, depth: 4, items: 128, read: release } as Kind<Release>,
  stop: { domain: 'pump.stop.v1', bytes: 4096, depth: 4, items: 128, read: stop } as Kind<Stop>,
  withdrawal: { domain: 'pump.withdraw.v1', bytes: 4096, depth: 4, items: 128, read: withdrawal } as Kind<Withdrawal>,
};

async function read<T>(kind: Kind<T>, raw: Bytes): Promise<Read<T>> {
  must(raw.length <= kind.bytes, 'E_SIZE', `${raw.length} bytes`);
  const format = formatOf(raw);
  must(format === undefined || format === 1n, 'E_VERSION', `format ${format}`);
  const f = new Fields(decode(raw, kind));
  f.need(1, number(1n, 1n));
  const doc = kind.read(f);
  return { doc, raw, hash: await hashIn(kind.domain, raw) };
}

export const readPrescription = (raw: Bytes) => read(kinds.prescription, raw);
export const readApproval = (raw: Bytes) => read(kinds.approval, raw);
export const readRelease = (raw: Bytes) => read(kinds.release, raw);
export const readStop = (raw: Bytes) => read(kinds.stop, raw);
export const readWithdrawal = (raw: Bytes) => read(kinds.withdrawal, raw);

export interface Assertion {
  readonly authenticator: Bytes;
  readonly client: Bytes;
  readonly signature: Bytes;
}

/** Who signed a document of trust, and how. */
export interface Signature {
  readonly key: Bytes;
  readonly signature: Bytes;
}

export type Envelope =
  | { readonly kind: 1; readonly prescription: Bytes; readonly approvals: readonly { readonly statement: Bytes; readonly assertion: Assertion }[]; readonly release: Bytes; readonly assertion: Assertion }
  | { readonly kind: 2 | 3; readonly statement: Bytes; readonly assertion: Assertion }
  | { readonly kind: 4; readonly prescription: Bytes; readonly signatures: readonly Signature[] };

const assertion = (v: Value): Assertion => {
  const [authenticator, client, signature] = items(v, 3);
  return { authenticator: bytes()(authenticator!), client: bytes()(client!), signature: bytes()(signature!) };
};

const approved = (v: Value): { statement: Bytes; assertion: Assertion } => {
  const [statement, a] = items(v, 2);
  return { statement: bytes()(statement!), assertion: assertion(a!) };
};

export const readSignatures = list((v: Value): Signature => {
  const [key, signature] = items(v, 2);
  return { key: hash(key!), signature: bytes()(signature!) };
}, 0, 8);

export const MAX_ENVELOPE = 16_384;

/** Takes an envelope apart; the documents in it are read by themselves. */
export function readEnvelope(raw: Uint8Array): Envelope {
  must(raw.length <= MAX_ENVELOPE, 'E_SIZE', `${raw.length} bytes`);
  const v = decode(raw, { depth: 4, items: 128 });
  if (!Array.isArray(v) || v.length === 0) return refuse('E_FORMAT', 'no envelope');
  const kind = choice(1, 4)((v as readonly Value[])[0]!);
  if (kind === 1) {
    const [, p, all, r, a] = items(v, 5);
    return { kind, prescription: bytes()(p!), approvals: list(approved, 1, 5)(all!), release: bytes()(r!), assertion: assertion(a!) };
  }
  const [, doc, proof] = items(v, 3);
  if (kind === 4) return { kind, prescription: bytes()(doc!), signatures: readSignatures(proof!) };
  return { kind: kind as 2 | 3, statement: bytes()(doc!), assertion: assertion(proof!) };
}
