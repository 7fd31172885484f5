import { describe, expect, test } from 'vitest';
import type { SignRequest } from '../api/orders';
import { Problem } from '../api/problem';
import { base64url, hex, type Bytes } from '../order/bytes';
import { decode, encode, type Value } from '../order/cbor';
import { readApproval, readEnvelope, readRelease, readStop, readWithdrawal } from '../order/documents';
import { bytesOf, vector } from '../order/testing-corpus';
import { challengeFor, type Meant } from './asked';

/** What a server may ask to be signed, and what it may not: real statements of the corpus, and the same with a field changed. */

const envelope = (group: string, name: string) => readEnvelope(bytesOf(vector(group, name).bytes));

interface Case { raw: Bytes; meant: Meant; who: { login: string; key: string }; hash: string }

async function approval(): Promise<Case> {
  const e = envelope('limits', 'control');
  if (e.kind !== 1) throw new Error('no order');
  const r = await readApproval(e.approvals[0]!.statement);
  return { raw: r.raw, meant: { kind: 'approval', prescription: hex(r.doc.prescription), meaning: 'prescribe' }, who: { login: r.doc.person, key: hex(r.doc.key) }, hash: base64url(r.hash) };
}
async function release(): Promise<Case> {
  const e = envelope('visit', 'control');
  if (e.kind !== 1) throw new Error('no order');
  const r = await readRelease(e.release);
  const meant = { kind: 'release', prescription: hex(r.doc.prescription), branch: 'planned', aspirated_nl: String(r.doc.measured!.aspirated), filled_nl: String(r.doc.measured!.filled) } as const;
  return { raw: r.raw, meant, who: { login: r.doc.person, key: hex(r.doc.key) }, hash: base64url(r.hash) };
}
async function stop(): Promise<Case> {
  const e = envelope('stop', 'control');
  if (e.kind !== 2) throw new Error('no stop');
  const r = await readStop(e.statement);
  return { raw: r.raw, meant: { kind: 'stop', pump: hex(r.doc.pump), reason: r.doc.reason, overdose: r.doc.overdose }, who: { login: r.doc.person, key: hex(r.doc.key) }, hash: base64url(r.hash) };
}
async function withdrawal(): Promise<Case> {
  const e = envelope('withdraw', 'control');
  if (e.kind !== 3) throw new Error('no withdrawal');
  const r = await readWithdrawal(e.statement);
  return { raw: r.raw, meant: { kind: 'withdraw', prescription: hex(r.doc.prescription), reason: r.doc.reason }, who: { login: r.doc.person, key: hex(r.doc.key) }, hash: base64url(r.hash) };
}

const asking = (raw: Bytes, challenge: string): SignRequest => ({ document: base64url(raw), challenge, key: '', person: '', rp_id: 'localhost' });
const bounds = { depth: 4, items: 128 };

/** The statement with one field in another way, and the hash that an honest server would give for it. */
function withField(raw: Bytes, key: bigint, change: (v: Value) => Value): Bytes {
  const map = new Map(decode(raw, bounds) as ReadonlyMap<bigint, Value>);
  map.set(key, change(map.get(key)!));
  return encode(map);
}
const flip = (v: Value): Value => {
  if (v instanceof Uint8Array) return Uint8Array.from(v, (b, i) => (i === 0 ? b ^ 1 : b));
  if (typeof v === 'bigint') return v === 1n ? 2n : 1n;
  if (typeof v === 'boolean') return !v;
  if (typeof v === 'string') return `${v}x`;
  if (v instanceof Map) return new Map([...v].map(([k, x]) => [k, (x as bigint) + 1n]));
  throw new Error('nothing to change');
};

// Field numbers of docs/protocol.md section 4 that a person means, beside person and key.
const cases: [string, () => Promise<Case>, Record<string, bigint>][] = [
  ['an approval', approval, { 'which order it is': 2n, 'whose signature it is': 3n, 'with which key': 4n, 'what you say by it': 5n }],
  ['a release', release, { 'which order it is': 2n, 'whose signature it is': 8n, 'with which key': 9n, 'the branch': 11n, 'the filled volume': 12n }],
  ['a stop', stop, { 'which pump it is': 3n, 'whether it is an overdose': 9n, 'the reason': 10n, 'whose signature it is': 11n, 'with which key': 12n }],
  ['a withdrawal', withdrawal, { 'which order it is': 4n, 'the reason': 6n, 'whose signature it is': 7n, 'with which key': 8n }],
];

describe.each(cases)('%s', (_, make, fields) => {
  test('that is what was meant is signed, by the hash computed here', async () => {
    const c = await make();
    expect(await challengeFor(asking(c.raw, c.hash), c.meant, c.who)).toBe(c.hash);
  });

  test.each(Object.entries(fields))('that differs in %s is not', async (name, key) => {
    const c = await make();
    const raw = withField(c.raw, key, flip);
    expect(base64url(raw)).not.toBe(base64url(c.raw));
    const refusal = await challengeFor(asking(raw, c.hash), c.meant, c.who).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(Problem);
    expect((refusal as Problem).detail).toContain(name);
    expect((refusal as Problem).detail).toContain('Nothing was signed.');
  });

  test('with the challenge of something else, of another kind, or unreadable, is not', async () => {
    const c = await make();
    for (const [raw, challenge] of [[c.raw, base64url(new Uint8Array(32))], [new Uint8Array(c.raw.subarray(1)), c.hash], [new Uint8Array(0), c.hash]] as const) {
      await expect(challengeFor(asking(raw, challenge), c.meant, c.who)).rejects.toBeInstanceOf(Problem);
    }
    for (const [, other] of cases) {
      const o = await other();
      if (o.meant.kind !== c.meant.kind) await expect(challengeFor(asking(o.raw, o.hash), c.meant, c.who)).rejects.toBeInstanceOf(Problem);
    }
  });
});

test('a release or a stop that would live longer than 15 minutes is not signed', async () => {
  const r = await release();
  await expect(challengeFor(asking(withField(r.raw, 7n, (v) => (v as bigint) + 3600n), r.hash), r.meant, r.who)).rejects.toThrow('how long it may apply');
  const s = await stop();
  await expect(challengeFor(asking(withField(s.raw, 8n, (v) => (v as bigint) + 3600n), s.hash), s.meant, s.who)).rejects.toThrow('how long it may apply');
});
