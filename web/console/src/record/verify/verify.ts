import { type Bytes, fromBase64, fromHex, join, leafHash, same, sha256, toHex } from './bytes';
import { readLeaf } from './leaf';
import { type Checkpoint, type Key, openCheckpoint } from './note';
import { continues, Tree } from './tree';

/** One place in the tree, as the server gives it out. */
export interface Place {
  index: number;
  entry: string;
  hash: string;
  missing: boolean;
  leaf: string | null;
  salt: string | null;
  payload: string | null;
  erased: boolean;
  /** A detail, if there is one, is not for this person. */
  withheld: boolean;
}

export interface Stretch {
  from: number;
  size: number;
  edge: string[];
  places: Place[];
  checkpoints: string[];
}

/** Where the record is read from. The server may lie; whatever it answers is computed again. */
export interface Source {
  newest(): Promise<string>;
  stretch(from: number, limit: number): Promise<Stretch>;
  consistency(from: number): Promise<string[]>;
}

/** What was found. `failure` null means: nothing is wrong in the range. */
export interface Report {
  readonly from: number;
  /** The place behind the last that was checked. */
  readonly to: number;
  readonly head: Checkpoint | null;
  readonly leaves: number;
  /** Places of which this person sees the hash only. */
  readonly hidden: number;
  readonly details: number;
  readonly checkpoints: number;
  /** The older checkpoint that the record was found to continue. */
  readonly continues: Checkpoint | null;
  readonly failure: Failure | null;
  readonly stopped: boolean;
}

export interface Failure {
  /** The first place that is wrong, or from which on something is. */
  readonly index: number | null;
  readonly entry: string | null;
  readonly what: string;
}

export interface Options {
  readonly keys: readonly Key[];
  /** The first place to check; what is before it comes in as the roots of its subtrees, which the signed root binds. */
  readonly from?: number;
  /** A checkpoint that was kept: the record must contain what it contained then. */
  readonly seen?: Checkpoint | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
}

const PAGE = 500;

class Found extends Error {
  constructor(readonly failure: Failure) {
    super(failure.what);
  }
}

const found = (index: number | null, what: string, entry: string | null = null) => new Found({ index, entry, what });

/** Computes the record again, from its leaves to the root that was signed, and says what is wrong first. */
export async function verifyRecord(source: Source, o: Options): Promise<Report> {
  const from = o.from ?? 0;
  const r = { from, to: from, head: null as Checkpoint | null, leaves: 0, hidden: 0, details: 0, checkpoints: 0, continues: null as Checkpoint | null, failure: null as Failure | null, stopped: false };
  try {
    const head = await opened(await source.newest(), o.keys, null);
    r.head = head;
    if (o.seen && o.seen.size > head.size) throw found(head.size, `The record has ${head.size} entries, but a checkpoint that was kept covers ${o.seen.size}: an old copy was restored, or its end was cut off.`);
    let tree: Tree | null = null;
    let good = from;
    while (r.to < head.size) {
      if (o.signal?.aborted) {
        r.stopped = true;
        return r;
      }
      const s = await source.stretch(r.to, PAGE);
      tree ??= Tree.from(s.edge.map(fromHex), from);
      if (s.places.length === 0) throw found(r.to, `Entry ${r.to} and all behind it are gone.`);
      const notes = await Promise.all(s.checkpoints.map((text) => opened(text, o.keys, good)));
      const hashes = await Promise.all(s.places.map((p, i) => checked(p, r.to + i)));
      for (const [i, p] of s.places.entries()) {
        if (r.to >= head.size) break;
        const h = hashes[i]!;
        if (h instanceof Found) throw h;
        await tree.append(h.hash);
        r.to++;
        r.leaves++;
        if (p.leaf === null) r.hidden++;
        if (h.detail) r.details++;
        for (const c of [...notes, head]) {
          if (c.size !== r.to) continue;
          if (!same(await tree.root(), c.root)) throw found(good, `The root over ${c.size} entries is not the one that was signed: entries between ${good} and ${c.size - 1} were changed, added, removed or moved.`);
          if (c !== head || !notes.some((n) => n.size === c.size)) r.checkpoints++;
          good = c.size;
        }
        if (o.seen?.size === r.to && r.to > from) {
          if (!same(await tree.root(), o.seen.root)) throw found(null, `The first ${r.to} entries are not those of the checkpoint that was kept: there are two histories.`);
          r.continues = o.seen;
        }
      }
      o.onProgress?.(r.to - from, head.size - from);
    }
    if (o.seen && !r.continues) {
      const proof = (await source.consistency(o.seen.size)).map(fromHex);
      if (!(await continues(proof, o.seen.size, o.seen.root, head.size, head.root))) throw found(null, `The record does not continue the checkpoint over ${o.seen.size} entries that was kept: there are two histories.`);
      r.continues = o.seen;
    }
  } catch (err) {
    if (!(err instanceof Found)) throw err;
    r.failure = err.failure;
  }
  return r;
}

async function opened(text: string, keys: readonly Key[], good: number | null): Promise<Checkpoint> {
  try {
    return await openCheckpoint(text, keys);
  } catch (err) {
    throw found(good, `A checkpoint cannot be believed. ${(err as Error).message}`);
  }
}

/** Computes the hash of a place, and checks all that it can be checked against. */
async function checked(p: Place, index: number): Promise<{ hash: Bytes; detail: boolean } | Found> {
  if (p.index !== index) return found(index, `Entry ${index} is gone: entry ${p.index} stands in its place.`);
  if (p.missing) return found(index, `Entry ${index} is gone; its place in the tree is left.`, p.entry);
  const hash = fromHex(p.hash);
  if (p.leaf === null) return { hash, detail: false };
  const leaf = fromBase64(p.leaf);
  const h = await leafHash(leaf);
  if (!same(h, hash)) return found(index, `Entry ${index} is not the one that was recorded: its hash is ${toHex(h).slice(0, 16)}…, the tree has ${p.hash.slice(0, 16)}….`, p.entry);
  let commit: Bytes | null;
  try {
    commit = readLeaf(leaf).commit;
  } catch (err) {
    return found(index, `Entry ${index} cannot be read: ${(err as Error).message}.`, p.entry);
  }
  if (p.salt === null || p.payload === null) {
    // As `cisterna audit verify` has it: what is neither erased nor somebody else's to read has to be there.
    if (commit !== null && !p.erased && !p.withheld) return found(index, `Entry ${index}: its detail is gone, not erased.`, p.entry);
    return { hash, detail: false };
  }
  const detail = await sha256(join(fromBase64(p.salt), fromBase64(p.payload)));
  if (commit === null || !same(detail, commit)) return found(index, `Entry ${index}: its detail is not the one that was recorded.`, p.entry);
  return { hash, detail: true };
}
