import { type Bytes, fromBase64, leafHash, join, same, sha256, toHex } from './bytes';
import { type Leaf, leafTime, readLeaf } from './leaf';
import { type Checkpoint, type Key, openCheckpoint } from './note';
import { inTree } from './tree';

/** What is shown of an entry, and the bytes that it must follow from. */
export interface Shown {
  readonly kind: string;
  readonly actor: string;
  readonly object: string | null;
  readonly reason: string | null;
  readonly leaf_hash: string;
  readonly index: number | null;
}

export interface StoredBytes {
  readonly leaf: string;
  readonly salt: string | null;
  readonly payload: string | null;
  readonly evidence: string | null;
  /** The detail is not there, and was not erased. */
  readonly gone: boolean;
}

export interface Check {
  readonly what: string;
  /** open: it cannot be checked (yet), and why is in the note. */
  readonly state: 'good' | 'bad' | 'open';
  readonly note: string;
}

export interface Checked {
  readonly checks: readonly Check[];
  readonly leaf: Leaf | null;
  readonly checkpoint: Checkpoint | null;
}

const good = (what: string, note = ''): Check => ({ what, state: 'good', note });
const bad = (what: string, note: string): Check => ({ what, state: 'bad', note });
const open = (what: string, note: string): Check => ({ what, state: 'open', note });

/** Computes everything that can be said about one entry from its bytes. */
export async function checkEntry(shown: Shown, stored: StoredBytes, proof: string | null, keys: readonly Key[]): Promise<Checked> {
  const bytes = fromBase64(stored.leaf);
  const hash = await leafHash(bytes);
  const checks: Check[] = [];
  const ours = toHex(hash);
  checks.push(ours === shown.leaf_hash ? good('The bytes of the entry have its hash') : bad('The bytes of the entry have its hash', `They have ${ours.slice(0, 16)}…`));
  let leaf: Leaf | null = null;
  try {
    leaf = readLeaf(bytes);
    const differs = [
      leaf.kind !== shown.kind && 'what', leaf.actor !== shown.actor && 'who', leaf.object !== (shown.object ?? '') && 'object', leaf.reason !== (shown.reason ?? '') && 'reason',
    ].filter(Boolean);
    checks.push(differs.length === 0 ? good('The page shows what the bytes say', leafTime(leaf.serverTime)) : bad('The page shows what the bytes say', `Other: ${differs.join(', ')}.`));
  } catch (err) {
    checks.push(bad('The bytes can be read', `${(err as Error).message}.`));
  }
  checks.push(await detail(leaf, stored), await document(leaf, stored));
  const place = await chain(hash, shown, proof, keys);
  return { checks: [...checks.filter((c) => c.what !== ''), ...place.checks], leaf, checkpoint: place.checkpoint };
}

async function detail(leaf: Leaf | null, s: StoredBytes): Promise<Check> {
  const what = 'The detail is the one that was recorded';
  if (!leaf?.commit) return open('', '');
  if (s.gone) return bad(what, 'It is gone, and was not erased.');
  if (s.salt === null || s.payload === null) return open(what, 'It was erased, or it is not for your role.');
  return same(await sha256(join(fromBase64(s.salt), fromBase64(s.payload))), leaf.commit) ? good(what) : bad(what, 'It was changed.');
}

async function document(leaf: Leaf | null, s: StoredBytes): Promise<Check> {
  const what = 'The signed document is the one that was recorded';
  if (!leaf?.evidence) return open('', '');
  if (s.evidence === null) return open(what, 'It is gone, or it is not for your role.');
  const raw = fromBase64(s.evidence);
  return same(await sha256(raw), leaf.evidence) ? good(what, `${raw.length} bytes, as they came from the device`) : bad(what, 'It was changed.');
}

async function chain(hash: Bytes, shown: Shown, proof: string | null, keys: readonly Key[]): Promise<{ checks: Check[]; checkpoint: Checkpoint | null }> {
  const what = 'The entry is in the tree';
  if (proof === null) return { checks: [open(what, 'It waits for its checkpoint, for a moment.')], checkpoint: null };
  let p: ReturnType<typeof parseProof>;
  try {
    p = parseProof(proof);
  } catch (err) {
    return { checks: [bad(what, (err as Error).message)], checkpoint: null };
  }
  let c: Checkpoint;
  try {
    c = await openCheckpoint(p.checkpoint, keys);
  } catch (err) {
    return { checks: [bad('The checkpoint is signed', (err as Error).message)], checkpoint: null };
  }
  const is = p.index === shown.index && (await inTree(p.hashes, p.index, c.size, hash, c.root));
  return {
    checks: [is ? good(what, `place ${p.index} of ${c.size}, shown by ${p.hashes.length} hashes`) : bad(what, 'The proof leads to another root.'), good('The checkpoint over it is signed', c.origin)],
    checkpoint: c,
  };
}

/** Reads a C2SP tlog-proof. */
export function parseProof(text: string): { index: number; hashes: Bytes[]; checkpoint: string } {
  const cut = text.indexOf('\n\n');
  const lines = text.slice(0, cut).split('\n');
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines[1] ?? '');
  if (cut < 0 || lines[0] !== 'c2sp.org/tlog-proof@v1' || !index) throw new Error('This is no proof of a place in a log.');
  return { index: Number(index[1]), hashes: lines.slice(2).map((l) => {
    const h = fromBase64(l);
    if (h.length !== 32) throw new Error('This is no proof of a place in a log.');
    return h;
  }), checkpoint: text.slice(cut + 2) };
}
