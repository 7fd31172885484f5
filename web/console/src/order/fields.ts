import { isZero, utf8, type Bytes } from './bytes';
import type { Value } from './cbor';
import { must, refuse } from './refusal';

/** Reads the parts of a decoded document, each of its type and nothing else; what does not fit is E_FORMAT. */

export const MAX_COUNT = (1n << 53n) - 1n;
export const MAX_TIME = 1n << 40n;
export const MAX_VOLUME = 100_000_000n;
export const MAX_CONCENTRATION = 100_000_000n;
export const MAX_MASS = 1_000_000_000_000n;
export const HOUR = 3600n;
export const DAY = 86_400n;
export const WEEK = 7n * DAY;
export const YEAR = 366n * DAY;

export type Read<T> = (v: Value) => T;

/** A whole number from lo to hi. */
export const number = (lo: bigint, hi: bigint): Read<bigint> => (v) =>
  typeof v === 'bigint' && v >= lo && v <= hi ? v : refuse('E_FORMAT', `no number from ${lo} to ${hi}`);

/** A small number that names something. */
export const choice = (lo: number, hi: number): Read<number> => (v) => Number(number(BigInt(lo), BigInt(hi))(v));

/** Any quantity: at least zero, in 63 bits. */
export const quantity = number(0n, (1n << 63n) - 1n);
export const count = number(0n, MAX_COUNT);
export const version = number(1n, MAX_COUNT);
export const time = number(0n, MAX_TIME);
/** A code of the drug library. */
export const drugCode = number(1n, (1n << 32n) - 1n);

export const bytes = (length?: number): Read<Bytes> => (v) =>
  v instanceof Uint8Array && (length === undefined || v.length === length) ? v as Bytes : refuse('E_FORMAT', 'not such bytes');
export const hash = bytes(32);
export const id = bytes(16);

/** An id that names something: not all zero. */
export const realId: Read<Bytes> = (v) => {
  const b = id(v);
  return isZero(b) ? refuse('E_FORMAT', 'an id of zeros') : b;
};

export const bool: Read<boolean> = (v) => (typeof v === 'boolean' ? v : refuse('E_FORMAT', 'neither true nor false'));

export const text = (least = 0, most = Infinity): Read<string> => (v) => {
  if (typeof v !== 'string') return refuse('E_FORMAT', 'no text');
  const n = utf8(v).length;
  return n >= least && n <= most ? v : refuse('E_FORMAT', `a text of ${n} bytes`);
};

// The code points of section 1 that can hide, reorder or change what a person reads.
const forbidden: readonly (readonly [from: number, to: number])[] = [
  [0x00, 0x1f], [0x7f, 0x9f], [0xad, 0xad], [0x300, 0x36f], [0x61c, 0x61c], [0x200b, 0x200f], [0x2028, 0x202e], [0x2060, 0x206f],
  [0xfe00, 0xfe0f], [0xfeff, 0xfeff], [0xfff0, 0xffff], [0xe0000, 0x10ffff],
];

/** Text that says what it shows. */
export const plain = (least: number, most: number): Read<string> => (v) => {
  const s = text(least, most)(v);
  for (const c of s) {
    const p = c.codePointAt(0)!;
    if (forbidden.some(([from, to]) => p >= from && p <= to)) return refuse('E_FORMAT', `U+${p.toString(16)} in a text`);
  }
  return s;
};

export const list = <T>(read: Read<T>, least = 0, most = Infinity): Read<T[]> => (v) => {
  if (!Array.isArray(v) || v.length < least || v.length > most) return refuse('E_FORMAT', 'no such list');
  return (v as readonly Value[]).map(read);
};

/** An array of exactly so many items. */
export function items(v: Value, n: number): readonly Value[] {
  return Array.isArray(v) && v.length === n ? v as readonly Value[] : refuse('E_FORMAT', `no array of ${n}`);
}

/** Refuses a list whose items do not rise. */
export function rising<T>(all: readonly T[], compare: (a: T, b: T) => number | bigint, what: string): void {
  for (let i = 1; i < all.length; i++) must(compare(all[i - 1]!, all[i]!) < 0, 'E_FORMAT', `${what} that do not rise`);
}

export const byNumber = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

function nothing(v: Value): boolean {
  if (typeof v === 'bigint') return v === 0n;
  if (typeof v === 'string' || Array.isArray(v)) return v.length === 0;
  if (v instanceof Uint8Array) return isZero(v);
  return v instanceof Map ? v.size === 0 : !v;
}

/** The fields of a map. Every key must be asked for before done() is called: what nobody asks for is unknown. */
export class Fields {
  private readonly map: ReadonlyMap<bigint, Value>;
  private readonly known = new Set<bigint>();

  constructor(v: Value) {
    this.map = v instanceof Map ? v as ReadonlyMap<bigint, Value> : refuse('E_FORMAT', 'no map');
  }

  /** A field that is always there. */
  need<T>(key: number, read: Read<T>): T {
    const v = this.find(key);
    return v === undefined ? refuse('E_FORMAT', `field ${key} is missing`) : read(v);
  }

  /** A field that is absent where it is zero, empty or not there. */
  maybe<T>(key: number, read: Read<T>): T | undefined {
    const v = this.find(key);
    if (v === undefined) return undefined;
    return nothing(v) ? refuse('E_FORMAT', `field ${key} says nothing`) : read(v);
  }

  has(key: number): boolean {
    return this.map.has(BigInt(key));
  }

  done(): void {
    for (const k of this.map.keys()) if (!this.known.has(k)) refuse('E_FORMAT', `unknown field ${k}`);
  }

  /** The keys that are there. */
  keys(): number[] {
    return [...this.map.keys()].map(Number);
  }

  private find(key: number): Value | undefined {
    this.known.add(BigInt(key));
    return this.map.get(BigInt(key));
  }
}
