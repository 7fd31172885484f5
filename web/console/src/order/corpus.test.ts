import { describe, expect, test } from 'vitest';
import { answer, bytesOf, expected, format, got, vectors, viewOf } from './testing-corpus';

// Two verifiers, written from one page by different hands, must give every document of the corpus the same answer.

test('the corpus is there, in the form that is understood', () => {
  expect(format).toBe('cisterna orders corpus 1');
  expect(vectors.length).toBeGreaterThan(700);
  const groups = new Set(vectors.map((v) => v.group));
  for (const g of groups) expect(vectors.some((v) => v.group === g && v.code === 'applied'), `${g} has no document that is accepted`).toBe(true);
});

describe.each([...new Set(vectors.map((v) => v.group))])('%s', (group) => {
  test.each(vectors.filter((v) => v.group === group))('$name', async (v) => {
    const verdict = await answer(await viewOf(v), v, bytesOf(v.bytes));
    expect(got(verdict), verdict.why).toEqual(expected(v));
  });
});
