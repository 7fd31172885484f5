import { join, utf8, type Bytes } from './bytes';
import { refuse } from './refusal';

/**
 * Deterministic CBOR (RFC 8949 §4.2.1), no more of it than signed documents use: whole numbers, byte strings, texts, arrays,
 * maps with unsigned keys, true and false. Numbers are bigint throughout. What is not the one encoding of what it says is
 * E_FORMAT: nothing here is tolerant.
 */

export type Value = bigint | Bytes | string | boolean | readonly Value[] | ReadonlyMap<bigint, Value>;

export interface Bounds {
  /** Arrays and maps inside each other; a map of numbers is 1. */
  readonly depth: number;
  /** Items of an array. */
  readonly items: number;
}

const MAP_ITEMS = 64n;

const utf8Strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Reader {
  private at = 0;
  private readonly bytes: Uint8Array;
  private readonly bounds: Bounds;

  constructor(bytes: Uint8Array, bounds: Bounds) {
    this.bytes = bytes;
    this.bounds = bounds;
  }

  get over(): boolean {
    return this.at === this.bytes.length;
  }

  private byte(): number {
    const b = this.bytes[this.at++];
    return b ?? refuse('E_FORMAT', 'ends early');
  }

  /** The argument of an item: in the shortest of its forms. */
  private argument(info: number): bigint {
    if (info < 24) return BigInt(info);
    if (info > 27) return refuse('E_FORMAT', 'indefinite or reserved length');
    const size = 1 << (info - 24);
    let n = 0n;
    for (let i = 0; i < size; i++) n = (n << 8n) | BigInt(this.byte());
    const least = size === 1 ? 24n : 1n << BigInt(4 * size);
    return n >= least ? n : refuse('E_FORMAT', 'a number longer than it must be');
  }

  private take(n: bigint): Bytes {
    if (n > BigInt(this.bytes.length - this.at)) return refuse('E_FORMAT', 'ends early');
    const from = this.at;
    this.at += Number(n);
    return this.bytes.slice(from, this.at) as Bytes;
  }

  value(depth: number): Value {
    const head = this.byte();
    const major = head >> 5;
    if (major === 7) {
      if (head === 0xf4) return false;
      return head === 0xf5 ? true : refuse('E_FORMAT', 'a float, null or another simple value');
    }
    if (major === 6) return refuse('E_FORMAT', 'a tag');
    const n = this.argument(head & 31);
    switch (major) {
      case 0: return n;
      case 1: return -1n - n;
      case 2: return this.take(n);
      case 3: return this.text(n);
      case 4: return this.array(n, depth + 1);
      default: return this.map(n, depth + 1);
    }
  }

  private text(n: bigint): string {
    const raw = this.take(n);
    try {
      return utf8Strict.decode(raw);
    } catch {
      return refuse('E_FORMAT', 'text that is no UTF-8');
    }
  }

  private deeper(depth: number): void {
    if (depth > this.bounds.depth) refuse('E_FORMAT', 'nested too deep');
  }

  private array(n: bigint, depth: number): Value[] {
    this.deeper(depth);
    if (n > BigInt(this.bounds.items)) return refuse('E_FORMAT', 'an array of too many items');
    const out: Value[] = [];
    for (let i = 0n; i < n; i++) out.push(this.value(depth));
    return out;
  }

  private map(n: bigint, depth: number): Map<bigint, Value> {
    this.deeper(depth);
    if (n > MAP_ITEMS) return refuse('E_FORMAT', 'a map of too many items');
    const out = new Map<bigint, Value>();
    let last = -1n;
    for (let i = 0n; i < n; i++) {
      const key = this.value(depth);
      if (typeof key !== 'bigint' || key <= last) return refuse('E_FORMAT', 'map keys that are not rising unsigned numbers');
      last = key;
      out.set(key, this.value(depth));
    }
    return out;
  }
}

/** Reads the one value that the bytes are. */
export function decode(bytes: Uint8Array, bounds: Bounds): Value {
  const r = new Reader(bytes, bounds);
  const v = r.value(0);
  return r.over ? v : refuse('E_FORMAT', 'bytes after the end');
}

function head(major: number, n: bigint): Bytes {
  const top = major << 5;
  if (n < 24n) return new Uint8Array([top | Number(n)]);
  let size = 1;
  while (size < 8 && n >= 1n << BigInt(8 * size)) size *= 2;
  const out = new Uint8Array(1 + size);
  out[0] = top | (24 + Math.log2(size));
  for (let i = 0; i < size; i++) out[size - i] = Number((n >> BigInt(8 * i)) & 255n);
  return out;
}

/** Writes a value in its one encoding. Numbers outside of 64 bits and keys below zero cannot be written: a RangeError. */
export function encode(v: Value): Bytes {
  if (typeof v === 'boolean') return new Uint8Array([v ? 0xf5 : 0xf4]);
  if (typeof v === 'bigint') {
    const n = v < 0n ? -1n - v : v;
    if (n >= 1n << 64n) throw new RangeError(`${v} does not fit in 64 bits`);
    return head(v < 0n ? 1 : 0, n);
  }
  if (typeof v === 'string') {
    const text = utf8(v);
    return join(head(3, BigInt(text.length)), text);
  }
  if (v instanceof Uint8Array) return join(head(2, BigInt(v.length)), v);
  if (v instanceof Map) {
    const keys = [...(v as ReadonlyMap<bigint, Value>).keys()].toSorted((a, b) => (a < b ? -1 : 1));
    if (keys.some((k) => k < 0n)) throw new RangeError('a map key below zero');
    return join(head(5, BigInt(keys.length)), ...keys.flatMap((k) => [encode(k), encode((v as ReadonlyMap<bigint, Value>).get(k)!)]));
  }
  const items = v as readonly Value[];
  return join(head(4, BigInt(items.length)), ...items.map(encode));
}

/**
 * The format that a document says it has, read where a deterministic map with a field 1 has it: first, and in its shortest form. Of a
 * format that is not known nothing more is read: what is right in it cannot be known.
 */
export function formatOf(raw: Uint8Array): bigint | undefined {
  const head = raw[0] ?? 0;
  const at = head === 0xb8 ? 2 : 1;
  const first = raw[at + 1];
  if (head < 0xa0 || head > 0xb8 || raw[at] !== 1 || first === undefined || first > 0x1b) return undefined;
  if (first < 24) return BigInt(first);
  const size = 1 << (first - 24);
  const digits = raw.subarray(at + 2, at + 2 + size);
  if (digits.length < size) return undefined;
  const n = digits.reduce((sum, d) => (sum << 8n) | BigInt(d), 0n);
  return n >= (size === 1 ? 24n : 1n << BigInt(4 * size)) ? n : undefined;
}
