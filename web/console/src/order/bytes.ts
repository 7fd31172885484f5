/** Bytes, their hashes and their texts, as docs/protocol.md section 1 writes them. */

import { join, sha256, utf8 } from '../session/bytes';

export { join, sha256, utf8 };

export type Bytes = Uint8Array<ArrayBuffer>;

/** The domains of section 1; a hash in one is never a hash in another. */
export type Domain = 'pump.state.v1' | 'pump.prescription.v1' | 'pump.approval.v1' | 'pump.release.v1' | 'pump.stop.v1' | 'pump.withdraw.v1' | 'pump.patient.v1' | 'pump.site.v1';

export function hex(bytes: Uint8Array): string {
  let s = '';
  for (const b of bytes) s += b.toString(16).padStart(2, '0');
  return s;
}

/** Reads hexadecimal; null if it is not. */
export function unhex(text: string): Bytes | null {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return null;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

/** Compares as the protocol orders ids: byte by byte, the shorter first. */
export function order(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((b) => b === 0);
}

/** A length as eight bytes, big-endian. */
export function length8(bytes: Uint8Array): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(bytes.length));
  return out;
}

/** H(domain, bytes) = SHA-256(domain ‖ 00 ‖ length ‖ bytes). */
export function hashIn(domain: Domain, bytes: Uint8Array): Promise<Bytes> {
  return sha256(join(utf8(domain), new Uint8Array(1), length8(bytes), bytes));
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function base64url(bytes: Uint8Array): string {
  let s = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const have = Math.min(3, bytes.length - i);
    const n = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let k = 0; k <= have; k++) s += alphabet[(n >> (18 - 6 * k)) & 63];
  }
  return s;
}

/** Reads base64url without padding, and only what base64url() would write; else null. */
export function unbase64url(text: string): Bytes | null {
  if (text.length % 4 === 1) return null;
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    let n = 0;
    for (let k = 0; k < 4; k++) {
      const c = text[i + k];
      const digit = c === undefined ? 0 : alphabet.indexOf(c);
      if (digit < 0) return null;
      n = (n << 6) | digit;
    }
    for (let k = 0; k < 3 && at < out.length; k++) out[at++] = (n >> (16 - 8 * k)) & 255;
  }
  return base64url(out) === text ? out : null;
}
