import { hex, unbase64url } from '../order/bytes';
import { selfSignedRoot, succeedingRoot } from '../order/install';
import type { Root, Signed } from '../order/trust';

/**
 * The root that this browser knows. Whose signatures count follows from it: it names who signs keysets. The first root that a
 * server shows is kept; from then on only that one counts, or one that it signed as its successor. A server, a database or a
 * proxy that is exchanged later cannot name other signers. Against a server that lies from the first visit on, only the ceremony
 * card helps: a person types its SHA-256. Against a server that serves another page than this one nothing here helps.
 */
const KEY = 'cisterna-root';

const read = (): string | null => {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
};

const write = (value: string) => {
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // Blocked: nothing is remembered, and the page says that it goes by the server's own word.
  }
};

/** How a root is known: typed from the ceremony card, seen by this browser before, or named by the server just now. */
export type RootKnown = 'typed' | 'known' | 'first';

export type Pinned =
  | { readonly state: RootKnown; readonly root: Root; readonly hash: string }
  /** The server names another root than this browser knows. */
  | { readonly state: 'other'; readonly known: string; readonly named: string; readonly demos: boolean };

async function open(text: string): Promise<Signed<Root>> {
  const raw = unbase64url(text);
  if (raw === null) throw new Error('the root is not base64url');
  return selfSignedRoot(raw);
}

/** Judges the root that the server names by the one that is known, and keeps it if it is the first or a successor. */
export async function pinned(named: string): Promise<Pinned> {
  const root = await open(named);
  const kept = read();
  if (kept === null) {
    write(`k${named}`);
    return { state: 'first', root: root.doc, hash: hex(root.hash) };
  }
  const how = kept.startsWith('t') ? 'typed' : 'known';
  if (kept.slice(1) === named) return { state: how, root: root.doc, hash: hex(root.hash) };
  const before = await open(kept.slice(1)).catch(() => null);
  if (before) {
    try {
      await succeedingRoot(before.doc, unbase64url(named)!);
      write(`${kept.slice(0, 1)}${named}`);
      return { state: how, root: root.doc, hash: hex(root.hash) };
    } catch {
      // No successor: another root.
    }
  }
  return { state: 'other', known: before ? hex(before.hash) : 'unreadable', named: hex(root.hash), demos: root.doc.demo && before?.doc.demo === true };
}

/** Takes a root whose hash a person typed from the ceremony card; says what is wrong with it otherwise. */
export async function typeRoot(named: string, hash: string): Promise<string | null> {
  const digits = hash.replaceAll(/\s+/g, '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) return 'The SHA-256 on the ceremony card has 64 digits, 0 to 9 and a to f.';
  const root = await open(named);
  if (hex(root.hash) !== digits) return 'That is not the root that this server names. Sign and release nothing; tell the engineers.';
  write(`t${named}`);
  return null;
}

/** A demo that was reset has another root, and its people lose nothing by it. From or to a real root it is refused. */
export async function takeDemoRoot(named: string): Promise<void> {
  const p = await pinned(named);
  if (p.state === 'other' && p.demos) write(`k${named}`);
}
