import { expect, test } from 'vitest';
import { fromBase64, fromHex } from './bytes';
import { checkEntry, parseProof } from './entry';
import { readKey } from './note';
import vectors from './vectors.json';

const notes = vectors.notes as Record<string, string>;
const n = vectors.places.length;
const b64 = (b: Uint8Array) => btoa(String.fromCodePoint(...b));
const flip = (text: string) => {
  const b = fromBase64(text);
  b[b.length - 1]! ^= 1;
  return b64(b);
};

const place = vectors.places[4]!;
const shown = { kind: 'pump.edit', actor: 'person:7 anna', object: 'pump:4', reason: null, leaf_hash: place.hash, index: 4 };
const stored = { leaf: place.leaf!, salt: place.salt, payload: place.payload, evidence: null, gone: false };
const proof = `c2sp.org/tlog-proof@v1\nindex 4\n${vectors.inclusion.find((v) => v.size === n && v.index === 4)!.hashes.map((h) => `${b64(fromHex(h))}\n`).join('')}\n${notes[String(n)]!}`;
const keys = async () => [await readKey(vectors.key)];
const bads = async (...args: Parameters<typeof checkEntry>) => (await checkEntry(...args)).checks.filter((c) => c.state === 'bad').map((c) => c.what);

test('a good entry', async () => {
  const r = await checkEntry(shown, stored, proof, await keys());
  expect(r.checks.map((c) => c.state)).toEqual(['good', 'good', 'good', 'good', 'good']);
  expect(r.checkpoint?.size).toBe(n);
});

test('each lie is found', async () => {
  const k = await keys();
  expect(await bads({ ...shown, actor: 'person:8 bo' }, stored, proof, k)).toEqual(['The page shows what the bytes say']);
  expect(await bads(shown, { ...stored, payload: flip(stored.payload!) }, proof, k)).toEqual(['The detail is the one that was recorded']);
  expect(await bads(shown, { ...stored, salt: null, payload: null, gone: true }, proof, k)).toEqual(['The detail is the one that was recorded']);
  expect(await bads(shown, { ...stored, leaf: flip(stored.leaf) }, proof, k)).toContain('The bytes of the entry have its hash');
  expect(await bads({ ...shown, index: 5 }, stored, proof, k)).toEqual(['The entry is in the tree']);
  expect(await bads(shown, stored, proof.replace('index 4', 'index 5'), k)).toEqual(['The entry is in the tree']);
  expect(await bads(shown, stored, proof, [])).toEqual(['The checkpoint is signed']);
  expect(await bads(shown, stored, 'x', k)).toEqual(['The entry is in the tree']);
});

test('what cannot be checked says so and is not called good', async () => {
  const r = await checkEntry(shown, { ...stored, salt: null, payload: null }, null, await keys());
  expect(r.checks.filter((c) => c.state === 'open').map((c) => c.what)).toEqual(['The detail is the one that was recorded', 'The entry is in the tree']);
});

test.each(['', 'c2sp.org/tlog-proof@v1\nindex 01\n\nx', 'c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx'])('%j is no proof', (text) => expect(() => parseProof(text)).toThrow());
