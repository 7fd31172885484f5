import { join, sha256, unbase64url, utf8, type Bytes } from './bytes';

/** Keys as text, their ids, and raw signature checks by WebCrypto (docs/protocol.md sections 1, 2 and 7). */

export interface Key {
  readonly algorithm: 'es256' | 'ed25519';
  readonly text: string;
  readonly id: Bytes;
  readonly crypto: CryptoKey;
}

/** This browser cannot check a signature at all. That is no refusal: nothing is known of the document. */
export class CannotCheck extends Error {
  override readonly name = 'CannotCheck';
}

// y² = x³ − 3x + b over p, and its order n (FIPS 186-5, P-256).
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function toNumber(bytes: Uint8Array): bigint {
  let n = 0n;
  for (const b of bytes) n = (n << 8n) | BigInt(b);
  return n;
}

/** Whether 65 bytes are 04 ‖ x ‖ y of a point on the curve. Checked here, so that it does not hang on the browser's care. */
export function onCurve(point: Uint8Array): boolean {
  if (point.length !== 65 || point[0] !== 4) return false;
  const x = toNumber(point.subarray(1, 33));
  const y = toNumber(point.subarray(33));
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n;
}

const kept = new Map<string, Promise<Key | null>>();

/** Reads a key; null if the text is none. The same text is imported once. */
export function readKey(text: string): Promise<Key | null> {
  let key = kept.get(text);
  if (key === undefined) {
    if (kept.size >= 1024) kept.clear();
    key = importKey(text);
    kept.set(text, key);
  }
  return key;
}

async function importKey(text: string): Promise<Key | null> {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, Math.max(0, colon));
  const raw = unbase64url(text.slice(colon + 1));
  if (raw === null) return null;
  const id = await sha256(utf8(text));
  if (algorithm === 'es256') {
    if (!onCurve(raw)) return null;
    const crypto = await withCrypto('P-256', () => globalThis.crypto.subtle.importKey('raw', raw, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']));
    return { algorithm, text, id, crypto };
  }
  if (algorithm !== 'ed25519' || raw.length !== 32) return null;
  const crypto = await withCrypto('Ed25519', () => globalThis.crypto.subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']));
  return { algorithm, text, id, crypto };
}

async function withCrypto<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (err) {
    throw new CannotCheck(`This browser cannot check ${what} signatures. Use a current Chrome, Edge, Firefox or Safari.`, { cause: err });
  }
}

/**
 * Reads r and s out of strict DER: shortest lengths, shortest positive integers, nothing after, at most 72 bytes, both from
 * 1 to n − 1. The result is r ‖ s, 32 bytes each, as WebCrypto wants them; null if it is anything else.
 */
export function readDer(der: Uint8Array): Bytes | null {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const out = new Uint8Array(64);
  let at = 2;
  for (const end of [32, 64]) {
    const size = der[at + 1];
    if (der[at] !== 2 || size === undefined || size < 1 || size > 33 || at + 2 + size > der.length) return null;
    const body = der.subarray(at + 2, at + 2 + size);
    at += 2 + size;
    if (body[0]! >= 0x80) return null;
    if (size > 1 && body[0] === 0 && body[1]! < 0x80) return null;
    const n = toNumber(body);
    if (n < 1n || n >= N) return null;
    const digits = body[0] === 0 ? body.subarray(1) : body;
    out.set(digits, end - digits.length);
  }
  return at === der.length ? out : null;
}

/** Whether the signature over the message is the key's. ES256 signatures are DER. */
export async function verifySignature(key: Key, message: Bytes, signature: Bytes): Promise<boolean> {
  if (key.algorithm === 'ed25519') {
    return signature.length === 64 && withCrypto('Ed25519', () => crypto.subtle.verify({ name: 'Ed25519' }, key.crypto, signature, message));
  }
  const raw = readDer(signature);
  return raw !== null && withCrypto('P-256', () => crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key.crypto, raw, message));
}

/** How a pump is named: SHA-256(`cis1/pumpkey` ‖ 00 ‖ a ‖ key), with a = 1 for Ed25519 and 2 for ES256. Null if the text is no key. */
export async function pumpKeyHash(text: string): Promise<Bytes | null> {
  const key = await readKey(text);
  if (key === null) return null;
  const raw = unbase64url(text.slice(text.indexOf(':') + 1))!;
  return sha256(join(utf8('cis1/pumpkey'), new Uint8Array([0, key.algorithm === 'ed25519' ? 1 : 2]), raw));
}
