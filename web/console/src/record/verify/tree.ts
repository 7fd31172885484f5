import { type Bytes, nodeHash, same, sha256 } from './bytes';

/**
 * An RFC 6962 tree that only grows. It keeps the roots of its complete subtrees, largest first: one for each bit that is set
 * in its size.
 */
export class Tree {
  private constructor(private edge: Bytes[], public size: number) {}

  /** The tree of a size, from the roots of its complete subtrees, largest first. */
  static from(edge: readonly Bytes[], size: number): Tree {
    if (!Number.isSafeInteger(size) || size < 0 || edge.length !== bits(size)) throw new Error(`A tree of size ${size} has another number of subtrees than ${edge.length}.`);
    return new Tree([...edge], size);
  }

  async append(leaf: Bytes): Promise<void> {
    let h = leaf;
    for (let n = this.size; n % 2 === 1; n = (n - 1) / 2) h = await nodeHash(this.edge.pop()!, h);
    this.edge.push(h);
    this.size++;
  }

  async root(): Promise<Bytes> {
    if (this.edge.length === 0) return sha256(new Uint8Array());
    let h = this.edge.at(-1)!;
    for (let i = this.edge.length - 2; i >= 0; i--) h = await nodeHash(this.edge[i]!, h);
    return h;
  }
}

function bits(n: number): number {
  let k = 0;
  for (; n > 0; n = Math.floor(n / 2)) k += n % 2;
  return k;
}

/** Checks that a leaf is at a place in a tree: RFC 9162 section 2.1.3.2. */
export async function inTree(proof: readonly Bytes[], index: number, size: number, leaf: Bytes, root: Bytes): Promise<boolean> {
  if (index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let r = leaf;
  for (const p of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = await nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      r = await nodeHash(r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && same(r, root);
}

/** Checks that a tree continues an older one: RFC 9162 section 2.1.4.2. */
export async function continues(proof: readonly Bytes[], oldSize: number, oldRoot: Bytes, size: number, root: Bytes): Promise<boolean> {
  if (oldSize < 1 || oldSize > size) return false;
  if (oldSize === size) return proof.length === 0 && same(oldRoot, root);
  const path = [...proof];
  let n = oldSize;
  while (n % 2 === 0) n /= 2;
  if (n === 1) path.unshift(oldRoot); // a power of two: its root is the first node
  const first = path.shift();
  if (!first) return false;
  let fn = oldSize - 1;
  let sn = size - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let fr = first;
  let sr = first;
  for (const c of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = await nodeHash(c, fr);
      sr = await nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = await nodeHash(sr, c);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && same(fr, oldRoot) && same(sr, root);
}
