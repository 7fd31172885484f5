import { type Checkpoint, type Key, openCheckpoint, readKey } from './note';

/**
 * What this browser remembers of the record: the key that signs it, and the newest checkpoint that it has verified. A server
 * that is replaced or rolled back cannot take that back.
 */
const KEY = 'cisterna-record-key';
const SEEN = 'cisterna-record-seen';

const read = (name: string): string | null => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};

const write = (name: string, value: string | null) => {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Blocked: nothing is remembered, and the page says that it verifies against the server's own word.
  }
};

export interface Trust {
  readonly key: Key;
  /** Where the key comes from: a person typed it in, this browser knew it from before, or the server has just named it. */
  readonly from: 'typed' | 'known' | 'server';
}

/** The key that counts. Throws when the server names another one than this browser knows: that is a finding, not a fault. */
export async function trusted(named: readonly string[]): Promise<Trust> {
  const known = read(KEY);
  if (known !== null) {
    const [how, text] = [known.slice(0, 1), known.slice(1)];
    const key = await readKey(text);
    if (!named.includes(key.text)) throw new Error('The server names another key for the record than the one that this browser knows. Compare both with the ceremony card before you go on.');
    return { key, from: how === 't' ? 'typed' : 'known' };
  }
  if (named.length === 0) throw new Error('The server names no key for its record.');
  return { key: await readKey(named[0]!), from: 'server' };
}

/** Takes the key that a person typed in from the ceremony card. */
export async function typeKey(text: string): Promise<void> {
  const key = await readKey(text);
  write(KEY, `t${key.text}`);
}

export function forgetKey(): void {
  write(KEY, null);
  write(SEEN, null);
}

/** Remembers what was verified in whole. */
export function remember(key: Key, head: Checkpoint): void {
  if (read(KEY) === null) write(KEY, `k${key.text}`);
  write(SEEN, head.text);
}

/** The newest checkpoint that this browser has verified, if its key still signs it. */
export async function remembered(keys: readonly Key[]): Promise<Checkpoint | null> {
  const text = read(SEEN);
  if (text === null) return null;
  try {
    return await openCheckpoint(text, keys);
  } catch {
    return null;
  }
}
