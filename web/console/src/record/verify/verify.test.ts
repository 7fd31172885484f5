import { describe, expect, test } from 'vitest';
import { fromBase64, fromHex, leafHash, toHex } from './bytes';
import { leafTime, readLeaf } from './leaf';
import { openCheckpoint, parseCheckpoint, readKey } from './note';
import { continues, inTree, Tree } from './tree';
import vectors from './vectors.json';
import { type Place, type Source, type Stretch, verifyRecord } from './verify';

const notes = vectors.notes as Record<string, string>;
const n = vectors.places.length;
const b64 = (b: Uint8Array) => btoa(String.fromCodePoint(...b));

/** The record of the vectors, as a server would give it out; `change` plays the forger. */
function source(change: (places: Place[], notes: Record<string, string>) => void = () => {}): Source {
  const places = structuredClone(vectors.places) as Place[];
  const signed = { ...notes };
  change(places, signed);
  const newest = signed[String(Math.max(...Object.keys(signed).map(Number)))]!;
  return {
    newest: async () => newest,
    stretch: async (from, limit): Promise<Stretch> => {
      const to = Math.min(from + Math.min(limit, 7), parseCheckpoint(newest).size);
      return {
        from, size: n, edge: vectors.edges[from]!, places: places.slice(from, to),
        checkpoints: Object.keys(signed).map(Number).filter((s) => s > from && s <= to).toSorted((a, b) => a - b).map((s) => signed[String(s)]!),
      };
    },
    consistency: async (from) => vectors.consistency.find((c) => c.from === from && c.size === n)?.hashes ?? [],
  };
}

const keys = async () => [await readKey(vectors.key)];
const flip = (text: string, at = 20) => {
  const b = fromBase64(text);
  b[at]! ^= 1;
  return b64(b);
};

describe('trees agree with the server', () => {
  test('roots of every size', async () => {
    const tree = Tree.from([], 0);
    expect(toHex(await tree.root())).toBe(vectors.roots[0]);
    for (const [i, p] of vectors.places.entries()) {
      await tree.append(fromHex(p.hash));
      expect(toHex(await tree.root())).toBe(vectors.roots[i + 1]);
      expect(toHex(await Tree.from(vectors.edges[i + 1]!.map(fromHex), i + 1).root())).toBe(vectors.roots[i + 1]);
    }
  });

  test('inclusion: each proof holds, and no changed one does', async () => {
    expect(vectors.inclusion.length).toBeGreaterThan(30);
    for (const v of vectors.inclusion) {
      const proof = v.hashes.map(fromHex);
      const leaf = fromHex(vectors.places[v.index]!.hash);
      const root = fromHex(vectors.roots[v.size]!);
      expect(await inTree(proof, v.index, v.size, leaf, root)).toBe(true);
      for (const i of proof.keys()) {
        const changed = proof.map((p, k) => (k === i ? p.map((x, at) => (at === 0 ? x ^ 1 : x)) : p));
        expect(await inTree(changed, v.index, v.size, leaf, root)).toBe(false);
      }
      expect(await inTree([...proof, leaf], v.index, v.size, leaf, root)).toBe(false);
      expect(await inTree(proof, v.size, v.size, leaf, root)).toBe(false);
      if (v.size > 1) expect(await inTree(proof, (v.index + 1) % v.size, v.size, leaf, root)).toBe(false);
    }
  });

  test('consistency: each proof holds, and no changed one does', async () => {
    expect(vectors.consistency.length).toBeGreaterThan(30);
    for (const v of vectors.consistency) {
      const proof = v.hashes.map(fromHex);
      const old = fromHex(vectors.roots[v.from]!);
      const root = fromHex(vectors.roots[v.size]!);
      expect(await continues(proof, v.from, old, v.size, root)).toBe(true);
      for (const i of proof.keys()) {
        const changed = proof.map((p, k) => (k === i ? p.map((x, at) => (at === 0 ? x ^ 1 : x)) : p));
        expect(await continues(changed, v.from, old, v.size, root)).toBe(false);
      }
      expect(await continues([...proof, root], v.from, old, v.size, root)).toBe(false);
      expect(await continues(proof, v.from, root.map((x) => x ^ 1), v.size, root)).toBe(false);
    }
  });
});

describe('checkpoints', () => {
  test('signed ones open, by the right key only', async () => {
    for (const [size, text] of Object.entries(notes)) expect((await openCheckpoint(text, await keys())).size).toBe(Number(size));
    await expect(openCheckpoint(notes['4']!, [])).rejects.toThrow('No key that is trusted');
    await expect(openCheckpoint(notes['4']!.replace('\n4\n', '\n5\n'), await keys())).rejects.toThrow('signature of this checkpoint is wrong');
    await expect(openCheckpoint(notes['4']!.replace('vectors.test/record\n4', 'other.test/record\n4'), await keys())).rejects.toThrow('No key that is trusted');
  });

  test.each(['', 'x', 'a\n1\n', 'a\n01\nAAAA\n\n', 'a\n-1\nAAAA\n\n', '\n1\nAAAA\n\n', 'a\n1\nAAAA\n\n'])('%j is no checkpoint', (text) => expect(() => parseCheckpoint(text)).toThrow());
  test('keys that are mistyped are refused', async () => {
    await expect(readKey(vectors.key.replace('vectors', 'vektors'))).rejects.toThrow('mistyped');
    await expect(readKey('a+b')).rejects.toThrow();
  });
});

test('leaves are read as they were written, and nothing else is a leaf', async () => {
  const leaf = fromBase64(vectors.places[3]!.leaf!);
  const l = readLeaf(leaf);
  expect(l).toMatchObject({ kind: 'pump.edit', actor: 'person:7 anna', object: 'pump:3', pump: 4n, site: 2n, reason: vectors.leaf.reason, onBehalf: 'person:8 bo', device: 'COMM-1', deviceTime: -1n, deviceFrom: 300n });
  expect(String(l.deviceSeq)).toBe(vectors.leaf.device_seq);
  expect(leafTime(l.serverTime)).toBe(vectors.leaf.at);
  expect(toHex(await leafHash(leaf))).toBe(vectors.places[3]!.hash);
  for (let i = 0; i < leaf.length; i++) expect(() => readLeaf(leaf.slice(0, i))).toThrow();
  expect(() => readLeaf(new Uint8Array([...leaf, 0]))).toThrow('follows');
  expect(() => readLeaf(new Uint8Array([0xa1, 0x18, 0x01, 0x01]))).toThrow('shortest');
});

describe('the record', () => {
  test('a good one is good, with what was looked at', async () => {
    const steps: number[] = [];
    const r = await verifyRecord(source(), { keys: await keys(), onProgress: (d) => steps.push(d) });
    expect(r).toMatchObject({ from: 0, to: n, leaves: n, hidden: 1, checkpoints: 4, failure: null, stopped: false });
    expect(r.details).toBe(n - 2);
    expect(steps).toEqual([7, 14, 21]);
  });

  test.each([1, 5, 8, 20])('from place %d on', async (from) => {
    expect(await verifyRecord(source(), { keys: await keys(), from })).toMatchObject({ from, to: n, leaves: n - from, failure: null });
  });

  test.each([0, 3, 12, 20])('a changed byte in entry %d names it', async (i) => {
    const r = await verifyRecord(source((p) => { p[i]!.leaf = flip(p[i]!.leaf!); }), { keys: await keys() });
    expect(r.failure).toMatchObject({ index: i, entry: String(i + 100) });
    expect(r.failure!.what).toContain(`Entry ${i} is not the one that was recorded`);
  });

  test('a forger who writes the hash anew is found at the next checkpoint', async () => {
    const forged = fromBase64(flip(vectors.places[6]!.leaf!, 60));
    const hash = toHex(await leafHash(forged));
    const r = await verifyRecord(source((p) => { Object.assign(p[6]!, { leaf: null, hash }); }), { keys: await keys() });
    expect(r.failure).toMatchObject({ index: 4 });
    expect(r.failure!.what).toContain('entries between 4 and 8');
  });

  test.each<[string, (p: Place[], s: Record<string, string>) => void, number | null, string]>([
    ['a detail', (p) => { p[2]!.payload = flip(p[2]!.payload!, 3); }, 2, 'its detail is not'],
    ['a detail that is gone', (p) => { Object.assign(p[2]!, { salt: null, payload: null }); }, 2, 'its detail is gone, not erased'],
    ['an entry that is gone', (p) => { Object.assign(p[7]!, { missing: true, leaf: null }); }, 7, 'is gone'],
    ['a place that is gone', (p) => void p.splice(7, 1), 7, 'Entry 7 is gone'],
    ['two that are swapped', (p) => { [p[10], p[11]] = [{ ...p[11]!, index: 10 }, { ...p[10]!, index: 11 }]; }, 9, 'entries between 9'],
    ['a checkpoint', (_, s) => { s['9'] = s['9']!.replace('\n9\n', '\n8\n'); }, 4, 'cannot be believed'],
  ])('%s', async (_, change, index, what) => {
    const r = await verifyRecord(source(change), { keys: await keys() });
    expect(r.failure?.index).toBe(index);
    expect(r.failure?.what).toContain(what);
  });

  test('a detail that was erased, or is not for this person, is neither there nor missing', async () => {
    for (const how of [{ erased: true }, { withheld: true }]) {
      const r = await verifyRecord(source((p) => { Object.assign(p[2]!, { salt: null, payload: null, ...how }); }), { keys: await keys() });
      expect(r).toMatchObject({ failure: null, details: n - 3 });
    }
  });

  test('a record that was cut off or forked is found with a checkpoint that was kept', async () => {
    const seen = parseCheckpoint(notes[String(n)]!);
    const cut = source((p, s) => { p.length = 9; delete s[String(n)]; });
    expect((await verifyRecord(cut, { keys: await keys(), seen })).failure?.what).toContain('cut off');
    const other = { ...parseCheckpoint(notes['4']!), root: new Uint8Array(32) };
    expect((await verifyRecord(source(), { keys: await keys(), seen: other })).failure?.what).toContain('two histories');
    expect((await verifyRecord(source(), { keys: await keys(), from: 9, seen: other })).failure?.what).toContain('two histories');
    expect((await verifyRecord(source(), { keys: await keys(), from: 9, seen: { ...parseCheckpoint(notes['9']!), size: 7, root: fromHex(vectors.roots[7]!) } })).continues?.size).toBe(7);
  });

  test('it can be stopped', async () => {
    const stop = new AbortController();
    const r = await verifyRecord(source(), { keys: await keys(), signal: stop.signal, onProgress: () => stop.abort() });
    expect(r).toMatchObject({ stopped: true, failure: null, to: 7 });
  });
});
