import { beforeEach, expect, test } from 'vitest';
import { base64url, hex, type Bytes } from '../order/bytes';
import { readRoot } from '../order/trust';
import { bytesOf, vectors, viewOf } from '../order/testing-corpus';
import { pinned, takeDemoRoot, typeRoot } from './root';

/** The root of the corpus, its successors, and what is none. */

const first = vectors.find((v) => v.topic === 'dn/root' && v.code === 'applied')!;
const successor = bytesOf(first.bytes);
const known = async (): Promise<Bytes> => {
  const set = (first.set?.['root'] ?? (await import('../../../../device/order/testdata/vectors/orders/corpus.json')).default.view.root) as string;
  return bytesOf(set);
};

beforeEach(() => localStorage.clear());

test('the first root is kept, the same one is known, its successor follows', async () => {
  const root = base64url(await known());
  expect(await pinned(root)).toMatchObject({ state: 'first' });
  expect(await pinned(root)).toMatchObject({ state: 'known' });
  expect(await pinned(base64url(successor))).toMatchObject({ state: 'known', hash: hex((await readRoot(successor)).hash) });
  // And not back again: the one before is no successor of it.
  expect(await pinned(root)).toMatchObject({ state: 'other' });
});

test('a root that nobody who counted signed is another one, and stays so', async () => {
  await pinned(base64url(successor));
  const named = base64url(await known());
  for (let i = 0; i < 2; i++) expect(await pinned(named)).toMatchObject({ state: 'other', known: hex((await readRoot(successor)).hash) });
  const { root } = await viewOf(first);
  await takeDemoRoot(named);
  expect((await pinned(named)).state).toBe(root.doc.demo ? 'known' : 'other');
});

test('a root that does not sign itself is none', async () => {
  const bad = await known();
  bad[bad.length - 1]! ^= 1;
  await expect(pinned(base64url(bad))).rejects.toThrow();
});

test('the hash of the ceremony card decides, and only whole', async () => {
  await pinned(base64url(successor));
  const raw = await known();
  const named = base64url(raw);
  const hash = hex((await readRoot(raw)).hash);
  expect(await typeRoot(named, hash.slice(0, 63))).toContain('64 digits');
  expect(await typeRoot(named, `${'0'.repeat(63)}1`)).toContain('not the root');
  expect(await typeRoot(named, ` ${hash.toUpperCase().replaceAll(/(.{8})/g, '$1 ')}`)).toBeNull();
  expect(await pinned(named)).toMatchObject({ state: 'typed', hash });
});
