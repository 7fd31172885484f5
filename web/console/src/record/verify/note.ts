import { type Bytes, fromBase64, same, sha256, toHex, utf8 } from './bytes';

/** A signed statement of the record's size and root: a C2SP tlog-checkpoint, which is a signed note. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Bytes;
  readonly text: string;
}

/** Whose signatures count. */
export interface Key {
  readonly name: string;
  readonly id: Bytes;
  readonly text: string;
  readonly verify: (body: Bytes, signature: Bytes) => Promise<boolean>;
}

const ED25519 = 1;

/** Reads a C2SP verifier key: name+hash+base64(01 ‖ Ed25519 key). */
export async function readKey(text: string): Promise<Key> {
  const m = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
  if (!m) throw new Error('A key of the record reads name+hash+key.');
  const raw = fromBase64(m[3]!);
  if (raw.length !== 33 || raw[0] !== ED25519) throw new Error('This is no Ed25519 key.');
  const name = m[1]!;
  const id = (await sha256(new Uint8Array([...utf8(`${name}\n`), ...raw]))).slice(0, 4);
  if (toHex(id) !== m[2]) throw new Error('The hash in this key is not that of the key: it was mistyped or changed.');
  const key = await crypto.subtle.importKey('raw', raw.slice(1), { name: 'Ed25519' }, false, ['verify']);
  return { name, id, text: text.trim(), verify: (body, signature) => crypto.subtle.verify({ name: 'Ed25519' }, key, signature, body) };
}

/** Reads a checkpoint without believing it. */
export function parseCheckpoint(text: string): Checkpoint {
  const cut = text.indexOf('\n\n');
  const lines = text.slice(0, cut + 1).split('\n');
  if (cut < 0 || lines.length < 4 || lines[0] === '') throw new Error('A checkpoint has an origin, a size and a root, a line each.');
  const size = Number(lines[1]);
  if (!Number.isSafeInteger(size) || size < 0 || String(size) !== lines[1]) throw new Error('The size of this checkpoint is not a number.');
  const root = fromBase64(lines[2]!);
  if (root.length !== 32) throw new Error('The root of this checkpoint is not a hash.');
  return { origin: lines[0]!, size, root, text };
}

/** Reads a checkpoint and checks that one of the keys signed it, under its own name as the origin. */
export async function openCheckpoint(text: string, keys: readonly Key[]): Promise<Checkpoint> {
  const c = parseCheckpoint(text);
  const cut = text.indexOf('\n\n');
  const body = utf8(text.slice(0, cut + 1));
  for (const line of text.slice(cut + 2).split('\n')) {
    const m = /^— (\S+) (\S+)$/.exec(line);
    if (!m) continue;
    const raw = fromBase64(m[2]!);
    for (const key of keys) {
      if (key.name !== m[1] || key.name !== c.origin || raw.length !== 68 || !same(raw.slice(0, 4), key.id)) continue;
      if (await key.verify(body, raw.slice(4))) return c;
      throw new Error('The signature of this checkpoint is wrong.');
    }
  }
  throw new Error('No key that is trusted signed this checkpoint.');
}
