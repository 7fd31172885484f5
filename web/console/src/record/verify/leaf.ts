import type { Bytes } from './bytes';

/** An entry of the record as its bytes say: deterministic CBOR, a map with integer keys (internal/audit/leaf.go). */
export interface Leaf {
  id: Bytes;
  kind: string;
  actor: string;
  onBehalf: string;
  device: string;
  pump: bigint;
  site: bigint;
  object: string;
  oldHash: Bytes | null;
  newHash: Bytes | null;
  reason: string;
  /** Microseconds since 1970. */
  serverTime: bigint;
  deviceTime: bigint;
  bootId: Bytes | null;
  deviceSeq: bigint;
  deviceFrom: bigint;
  evidence: Bytes | null;
  commit: Bytes | null;
}

type Value = bigint | string | Bytes;

/** Reads heads of CBOR in their shortest form, definite lengths only: one meaning has one sequence of bytes. */
class Reader {
  private at = 0;
  constructor(private readonly b: Bytes) {}

  get done() {
    return this.at === this.b.length;
  }

  head(): { major: number; n: bigint } {
    const first = this.b[this.at++];
    if (first === undefined) throw new Error('it ends too early');
    const major = first >> 5;
    const info = first & 31;
    if (info < 24) return { major, n: BigInt(info) };
    if (info > 27) throw new Error('it holds something that no leaf has');
    const size = 1 << (info - 24);
    let n = 0n;
    for (let i = 0; i < size; i++) {
      const x = this.b[this.at++];
      if (x === undefined) throw new Error('it ends too early');
      n = (n << 8n) | BigInt(x);
    }
    const least = size === 1 ? 24n : 1n << BigInt(size * 4);
    if (n < least) throw new Error('a number is not in its shortest form');
    return { major, n };
  }

  value(): Value {
    const { major, n } = this.head();
    if (major === 0) return n;
    if (major === 1) return -1n - n;
    if (major !== 2 && major !== 3) throw new Error('it holds something that no leaf has');
    if (n > BigInt(this.b.length - this.at)) throw new Error('it ends too early');
    const part = this.b.slice(this.at, this.at + Number(n));
    this.at += Number(n);
    return major === 2 ? part : new TextDecoder('utf-8', { fatal: true }).decode(part);
  }
}

const names = [
  '', 'v', 'id', 'kind', 'actor', 'onBehalf', 'device', 'pump', 'site', 'object', 'oldHash', 'newHash', 'reason', 'serverTime', 'deviceTime', 'bootId', 'deviceSeq', 'evidence', 'commit', 'deviceFrom',
] as const;
const texts = new Set(['kind', 'actor', 'onBehalf', 'device', 'object', 'reason']);
const blobs = new Set(['id', 'oldHash', 'newHash', 'bootId', 'evidence', 'commit']);

/** Reads a leaf strictly; throws when the bytes are not those of a leaf. */
export function readLeaf(b: Bytes): Leaf {
  const r = new Reader(b);
  const map = r.head();
  if (map.major !== 5) throw new Error('it is not a leaf');
  const out: Record<string, Value | null> = {
    kind: '', actor: '', onBehalf: '', device: '', object: '', reason: '', pump: 0n, site: 0n, deviceTime: 0n, deviceSeq: 0n, deviceFrom: 0n,
    oldHash: null, newHash: null, bootId: null, evidence: null, commit: null,
  };
  let last = 0n;
  for (let i = 0n; i < map.n; i++) {
    const key = r.head();
    const name = key.n < BigInt(names.length) ? names[Number(key.n)] : undefined;
    if (key.major !== 0 || !name || key.n <= last) throw new Error('it has a member that no leaf has, or not in order');
    last = key.n;
    const value = r.value();
    const kind = texts.has(name) ? 'string' : blobs.has(name) ? 'object' : 'bigint';
    if (typeof value !== kind) throw new Error('a member is of the wrong kind');
    out[name] = value;
  }
  if (!r.done) throw new Error('something follows it');
  if (out.v !== 1n || out.serverTime === undefined || out.kind === '' || out.actor === '' || !(out.id instanceof Uint8Array) || out.id.length !== 16) throw new Error('its version, id, kind, actor or time is missing');
  return out as unknown as Leaf;
}

/** A time of a leaf, RFC 3339 with microseconds. */
export function leafTime(us: bigint): string {
  const ms = us / 1000n - (us % 1000n < 0n ? 1n : 0n);
  const rest = us - ms * 1000n;
  return new Date(Number(ms)).toISOString().replace('Z', `${String(rest).padStart(3, '0')}Z`);
}
