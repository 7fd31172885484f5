import { join, length8, order, same, sha256, utf8, type Bytes } from './bytes';
import { decode, encode, type Value } from './cbor';
import { readSignatures, type Signature } from './documents';
import {
  bool, bytes, byNumber, choice, DAY, drugCode, Fields, hash, id, items, list, MAX_CONCENTRATION, MAX_MASS, number, plain, rising, text, time, version, WEEK, YEAR,
} from './fields';
import { readKey, verifySignature, type Key } from './keys';
import { must, refuse } from './refusal';

/** Root, keyset and drug library: whose signatures count, and within which limits (docs/protocol.md section 2). */

export type TrustType = 'root' | 'keyset' | 'library' | 'transfer';

export interface Signed<T> {
  readonly doc: T;
  readonly body: Bytes;
  readonly signatures: readonly Signature[];
  /** SHA-256 of the whole document as it travels: its name. */
  readonly hash: Bytes;
}

export interface Quorum {
  readonly threshold: number;
  readonly keys: readonly Key[];
}

export interface Root {
  readonly version: bigint;
  readonly issued: bigint;
  readonly expires: bigint;
  readonly demo: boolean;
  readonly name: string;
  readonly root: Quorum;
  readonly keyset: Quorum;
  readonly library: Quorum;
  readonly profile: Quorum;
}

export interface KeyRecord {
  readonly person: string;
  readonly key: Key;
  readonly roles: readonly number[];
  readonly notBefore: bigint;
  readonly notAfter: bigint;
  readonly software: boolean;
  /** 1 orders, 2 anything else. */
  readonly usage: number;
  readonly relyingParty: string;
  readonly origin: string | undefined;
  readonly sites: readonly Bytes[];
  readonly aaguid: Bytes | undefined;
}

export interface Policy {
  readonly act: number;
  readonly class: number;
  readonly people: number;
  readonly meanings: readonly number[];
}

export interface Keyset {
  readonly version: bigint;
  readonly issued: bigint;
  readonly expires: bigint;
  readonly origin: string;
  readonly keys: readonly KeyRecord[];
  readonly policies: readonly Policy[];
  readonly revoked: readonly Bytes[];
  /** None: every site under the root. */
  readonly sites: readonly Bytes[];
}

/** Masses in ng; zero where the library sets none. */
export interface DrugLimit {
  readonly group: number;
  readonly route: number;
  readonly hardDay: bigint;
  readonly hardHour: bigint;
  readonly softDay: bigint;
  readonly hardBolus: bigint;
  readonly softBolus: bigint;
  readonly hardStep: bigint;
  readonly softStep: bigint;
  readonly hardShare: bigint;
  readonly softShare: bigint;
  readonly lockout: bigint;
  readonly most: bigint;
  readonly noPatientBoluses: boolean;
}

export interface Drug {
  readonly code: bigint;
  readonly name: string;
  readonly class: string;
  readonly unit: 'mg' | 'mcg';
  readonly decimals: number;
  readonly withdrawal: number;
  readonly restricted: boolean;
  readonly source: string;
  readonly highest: bigint;
  readonly standard: readonly bigint[];
  readonly stability: bigint;
  readonly band: bigint;
  readonly alone: boolean;
  readonly jurisdiction: string;
  readonly limits: readonly DrugLimit[];
  /** The entry as it was encoded, to compare it with that of another version. */
  readonly raw: Bytes;
}

export interface Mixture {
  readonly codes: readonly bigint[];
  readonly stability: bigint;
  readonly source: string;
  readonly raw: Bytes;
}

export interface Library {
  readonly version: bigint;
  readonly issued: bigint;
  readonly name: string;
  readonly sample: boolean;
  readonly drugs: readonly Drug[];
  readonly mixtures: readonly Mixture[];
}

const MAX_SIGNED = 32_768;

async function readSigned<T>(raw: Uint8Array, read: (f: Fields) => Promise<T>): Promise<Signed<T>> {
  must(raw.length <= MAX_SIGNED, 'E_SIZE', `${raw.length} bytes`);
  const [bodyItem, signatureItems] = items(decode(raw, { depth: 3, items: 128 }), 2);
  const body = bytes()(bodyItem!);
  const signatures = readSignatures(signatureItems!);
  return { doc: await readBody(body, read), body, signatures, hash: await sha256(new Uint8Array(raw)) };
}

async function readBody<T>(body: Uint8Array, read: (f: Fields) => Promise<T>): Promise<T> {
  const f = new Fields(decode(body, { depth: 6, items: 512 }));
  f.need(1, number(1n, 1n));
  const doc = await read(f);
  f.done();
  return doc;
}

/** What a signature of a document of trust covers. */
export function coveredBy(type: TrustType, body: Uint8Array): Bytes {
  return join(utf8(`cis1.doc.${type}`), new Uint8Array(1), length8(body), body);
}

/** Whether enough keys of the quorum signed; each counts once, and what others signed or what is wrong counts nothing. */
export async function quorumMet(q: Quorum, type: TrustType, body: Uint8Array, signatures: readonly Signature[]): Promise<boolean> {
  const message = coveredBy(type, body);
  const valid = await Promise.all(q.keys.map(async (key) => {
    for (const s of signatures) if (order(s.key, key.id) === 0 && (await verifySignature(key, message, s.signature))) return true;
    return false;
  }));
  return valid.filter(Boolean).length >= q.threshold;
}

async function readKeyOr(textual: string): Promise<Key> {
  return (await readKey(textual)) ?? refuse('E_FORMAT', 'no key');
}

async function readQuorum(v: Value): Promise<Quorum> {
  const f = new Fields(v);
  const threshold = f.need(1, choice(1, 512));
  const keys = await Promise.all(f.need(2, list(text(), 1)).map(readKeyOr));
  f.done();
  must(threshold <= keys.length, 'E_FORMAT', 'a threshold that cannot be met');
  must(new Set(keys.map((k) => k.text)).size === keys.length, 'E_FORMAT', 'a key twice');
  return { threshold, keys };
}

const raw = (v: Value): Value => v;

const one = <T>(read: (v: Value) => T) => (v: Value): T => read(items(v, 1)[0]!);

export function readRoot(bytesOf: Uint8Array): Promise<Signed<Root>> {
  return readSigned(bytesOf, async (f) => {
    const root: Root = {
      version: f.need(2, version), issued: f.need(3, time), expires: f.need(4, time), demo: f.need(5, bool), name: f.need(6, text(0, 128)),
      root: await readQuorum(f.need(7, raw)), keyset: await readQuorum(f.need(8, raw)), library: await readQuorum(f.need(9, raw)), profile: await readQuorum(f.need(10, raw)),
    };
    f.need(11, list(one(bytes()), 1, 8));
    f.need(12, list(one(text()), 0, 8));
    must(root.issued < root.expires, 'E_FORMAT', 'it expires before it is issued');
    return root;
  });
}

async function readRecord(v: Value, demo: boolean): Promise<KeyRecord> {
  const f = new Fields(v);
  const r: KeyRecord = {
    person: f.need(1, plain(1, 64)), key: await readKeyOr(f.need(2, text())), roles: f.need(3, list(choice(1, 6))), notBefore: f.need(4, time), notAfter: f.need(5, time),
    software: f.need(6, bool), usage: f.need(7, choice(1, 2)), relyingParty: f.need(8, text()), origin: f.maybe(9, text()), sites: f.maybe(10, list(id)) ?? [],
    aaguid: f.maybe(11, id),
  };
  f.done();
  rising(r.roles, (a, b) => a - b, 'roles');
  rising(r.sites, order, 'sites');
  must(r.notBefore < r.notAfter, 'E_FORMAT', 'a key without a life');
  must(r.usage !== 1 || (r.key.algorithm === 'es256' && r.relyingParty !== ''), 'E_FORMAT', 'a key for orders that is no passkey');
  must(!r.software || demo, 'E_FORMAT', 'a software key under a root that is no demo');
  return r;
}

const policy = (v: Value): Policy => {
  const f = new Fields(v);
  const cls = f.need(2, choice(1, 3));
  const p: Policy = { act: f.need(1, choice(0, 11)), class: cls, people: f.need(3, choice(cls, 5)), meanings: f.maybe(4, list(choice(1, 4))) ?? [] };
  f.done();
  rising(p.meanings, (a, b) => a - b, 'meanings');
  return p;
};

/** Whether a record may stand behind others of its key: for sites of its own, and else the same but for its roles. */
const elsewhere = (before: readonly KeyRecord[], r: KeyRecord): boolean => r.sites.length > 0 && before.every((b) =>
  b.sites.length > 0 && order(b.sites[0]!, r.sites[0]!) < 0 && !b.sites.some((s) => r.sites.some((t) => same(s, t)))
  && b.person === r.person && b.notBefore === r.notBefore && b.notAfter === r.notAfter && b.software === r.software && b.usage === r.usage && b.relyingParty === r.relyingParty && b.origin === r.origin
  && (b.aaguid === undefined ? r.aaguid === undefined : r.aaguid !== undefined && same(b.aaguid, r.aaguid)));

/** What a keyset says of a key for a site; of another site if it says nothing of that one. */
export function recordAt(k: Keyset, key: Bytes, site: Bytes): KeyRecord | undefined {
  const all = k.keys.filter((r) => same(r.key.id, key));
  return all.find((r) => r.sites.length === 0 || r.sites.some((s) => same(s, site))) ?? all[0];
}

async function keysetOf(f: Fields, demo: boolean): Promise<Keyset> {
  const k: Keyset = {
    version: f.need(2, version), issued: f.need(3, time), expires: f.need(4, time), origin: f.need(5, text()),
    keys: await Promise.all(f.need(6, list(raw)).map((v) => readRecord(v, demo))), policies: f.maybe(7, list(policy)) ?? [],
    revoked: f.maybe(8, list(hash)) ?? [], sites: f.maybe(9, list(id)) ?? [],
  };
  must(k.issued < k.expires && k.expires <= k.issued + 90n * DAY, 'E_FORMAT', 'a life that is over before it begins, or too long');
  k.keys.forEach((r, i) => {
    const c = i === 0 ? -1 : order(k.keys[i - 1]!.key.id, r.key.id);
    must(c < 0 || (c === 0 && elsewhere(k.keys.slice(0, i).filter((b) => same(b.key.id, r.key.id)), r)), 'E_FORMAT', 'keys that do not rise, or one twice for the same sites');
  });
  rising(k.policies, (a, b) => a.act - b.act || a.class - b.class, 'policies');
  rising(k.revoked, order, 'revoked keys');
  rising(k.sites, order, 'sites');
  return k;
}

/** Reads a keyset; demo says whether its root permits software keys. Signatures are not looked at. */
export const readKeyset = (bytesOf: Uint8Array, demo: boolean): Promise<Signed<Keyset>> => readSigned(bytesOf, (f) => keysetOf(f, demo));

/** Reads what is to be signed of a keyset, before anybody has. */
export const readKeysetBody = (body: Uint8Array, demo: boolean): Promise<Keyset> => readBody(body, (f) => keysetOf(f, demo));

const mass = number(1n, MAX_MASS);
const share = number(1n, 10_000n);

const drugLimit = (v: Value): DrugLimit => {
  const f = new Fields(v);
  const l: DrugLimit = {
    group: f.need(1, choice(1, 5)), route: f.need(2, choice(1, 2)), hardDay: f.need(3, mass), hardHour: f.need(4, mass), softDay: f.maybe(5, mass) ?? 0n,
    hardBolus: f.maybe(6, mass) ?? 0n, softBolus: f.maybe(7, mass) ?? 0n, hardStep: f.maybe(8, mass) ?? 0n, softStep: f.maybe(9, mass) ?? 0n,
    hardShare: f.maybe(10, share) ?? 0n, softShare: f.maybe(11, share) ?? 0n, lockout: f.maybe(12, number(1n, WEEK)) ?? 0n, most: f.maybe(13, number(1n, 48n)) ?? 0n,
    noPatientBoluses: f.maybe(14, bool) ?? false,
  };
  f.done();
  must(l.hardHour <= l.hardDay, 'E_FORMAT', 'an hour above the day');
  for (const [soft, hard] of [[l.softDay, l.hardDay], [l.softBolus, l.hardBolus], [l.softStep, l.hardStep], [l.softShare, l.hardShare]] as const) {
    must(hard === 0n || soft <= hard, 'E_FORMAT', 'a soft limit above its hard one');
  }
  return l;
};

const unit = (v: Value): 'mg' | 'mcg' => (v === 'mg' || v === 'mcg' ? v : refuse('E_FORMAT', 'an unknown unit'));

const drug = (v: Value): Drug => {
  const f = new Fields(v);
  const d: Drug = {
    code: f.need(1, drugCode), name: f.need(2, text(1)), class: f.need(3, text()), unit: f.need(4, unit), decimals: f.need(5, choice(0, 4)), withdrawal: f.need(6, choice(1, 4)),
    restricted: f.need(7, bool), source: f.need(8, text()), highest: f.maybe(9, number(1n, MAX_CONCENTRATION)) ?? 0n,
    standard: f.maybe(10, list(number(1n, MAX_CONCENTRATION))) ?? [], stability: f.maybe(11, number(1n, YEAR)) ?? 0n, band: f.maybe(12, number(1n, 1000n)) ?? 0n,
    alone: f.maybe(13, bool) ?? false, jurisdiction: f.maybe(14, text()) ?? '', limits: f.maybe(15, list(drugLimit)) ?? [], raw: encode(v),
  };
  f.done();
  rising(d.standard, byNumber, 'standard concentrations');
  rising(d.limits, (a, b) => a.group - b.group || a.route - b.route, 'limits');
  must(d.standard.every((c) => c <= d.highest), 'E_FORMAT', 'a standard concentration above the highest');
  must(d.limits.length === 0 || (!d.restricted && d.highest > 0n), 'E_FORMAT', 'limits of what is restricted or has no concentration');
  return d;
};

const mixture = (v: Value): Mixture => {
  const f = new Fields(v);
  const m: Mixture = { codes: f.need(1, list(drugCode, 2, 6)), stability: f.need(2, number(1n, YEAR)), source: f.need(3, text()), raw: encode(v) };
  f.done();
  rising(m.codes, byNumber, 'codes of a mixture');
  return m;
};

function libraryOf(f: Fields): Library {
  const l: Library = {
    version: f.need(2, version), issued: f.need(3, time), name: f.need(4, text()), sample: f.need(5, bool), drugs: f.need(6, list(drug)), mixtures: f.maybe(7, list(mixture)) ?? [],
  };
  rising(l.drugs, (a, b) => byNumber(a.code, b.code), 'drugs');
  must(l.mixtures.every((m) => m.codes.every((c) => drugOf(l, c) !== undefined)), 'E_FORMAT', 'a mixture with what has no entry');
  return l;
}

/** Reads a drug library. Signatures are not looked at. */
export const readLibrary = (bytesOf: Uint8Array): Promise<Signed<Library>> => readSigned(bytesOf, async (f) => libraryOf(f));

/** Reads what is to be signed of a drug library, before anybody has. */
export const readLibraryBody = (body: Uint8Array): Promise<Library> => readBody(body, async (f) => libraryOf(f));

export const drugOf = (l: Library, code: bigint): Drug | undefined => l.drugs.find((d) => d.code === code);

/** The mixture of exactly these ingredients, if it is listed. */
export function mixtureOf(l: Library, codes: readonly bigint[]): Mixture | undefined {
  return l.mixtures.find((m) => m.codes.length === codes.length && m.codes.every((c, i) => c === codes[i]));
}

/** The limits of a drug for a group of patients by a route; none if it cannot be ordered so. */
export const limitOf = (d: Drug | undefined, group: number, route: number): DrugLimit | undefined =>
  d === undefined || d.restricted ? undefined : d.limits.find((l) => l.group === group && l.route === route);

export const covers = (k: Keyset, site: Uint8Array): boolean => k.sites.length === 0 || k.sites.some((s) => order(s, site) === 0);


/** The policy for an act and class: its own, or else that for every act. */
export const policyFor = (k: Keyset, act: number, cls: number): Policy | undefined =>
  k.policies.find((p) => p.act === act && p.class === cls) ?? k.policies.find((p) => p.act === 0 && p.class === cls);
