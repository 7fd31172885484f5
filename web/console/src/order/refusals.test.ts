import { expect, test } from 'vitest';
import { decode, encode, type Value } from './cbor';
import { readEnvelope } from './documents';
import { answer, bytesOf, expected, got, vectors, viewOf, type Vector } from './testing-corpus';
import { Dice } from './testing-random';

// Whatever arrives, the verifier answers; and nothing but what was signed is accepted.

const flips = vectors.filter((v) => v.flip);

test.each(flips)('$group: every byte of "$name" counts', async (v) => {
  const view = await viewOf(v);
  const raw = bytesOf(v.bytes);
  const accepted: number[] = [];
  for (let i = 0; i < raw.length; i++) {
    for (const change of [0x01, 0x20, 0x80, 0xff]) {
      const bent = raw.slice();
      bent[i]! ^= change;
      if ((await answer(view, v, bent)).code === 'applied') accepted.push(i);
    }
  }
  expect(accepted).toEqual([]);
  expect((await answer(view, v, raw)).code).toBe('applied');
});

test('there are documents whose every byte was tried', () => expect(flips.length).toBeGreaterThanOrEqual(7));

const accepted = vectors.filter((v) => v.code === 'applied' && !v.cached);

async function refusesAll(v: Vector, bend: (raw: Uint8Array<ArrayBuffer>) => Uint8Array, times: number): Promise<void> {
  const view = await viewOf(v);
  const raw = bytesOf(v.bytes);
  for (let i = 0; i < times; i++) {
    const bent = bend(raw);
    // Whatever is thrown, other than what becomes a verdict, fails the test here.
    const verdict = await answer(view, v, bent);
    if (bent.length !== raw.length || bent.some((b, k) => b !== raw[k])) expect(verdict.code, `${v.group}: ${v.name}`).not.toBe('applied');
  }
}

test('bytes of chance are refused', async () => {
  const dice = new Dice(1);
  for (const v of flips) await refusesAll(v, () => dice.bytes(dice.below(400)), 500);
});

test('what is cut off, doubled or spliced is refused', async () => {
  const dice = new Dice(2);
  for (const v of flips) {
    await refusesAll(v, (raw) => {
      const at = dice.below(raw.length);
      switch (dice.below(4)) {
        case 0: return raw.slice(0, at);
        case 1: return Uint8Array.from([...raw, ...dice.bytes(1 + dice.below(8))]);
        case 2: return Uint8Array.from([...raw.slice(0, at), ...raw.slice(at + 1 + dice.below(40))]);
        default: return Uint8Array.from([...raw.slice(0, at), ...dice.bytes(1 + dice.below(4)), ...raw.slice(at)]);
      }
    }, 300);
  }
});

/** Changes one thing somewhere in a value, and keeps it a value. */
function bend(v: Value, dice: Dice): Value {
  const any = (): Value => dice.of<Value>([0n, 1n, -1n, 24n, (1n << 63n) - 1n, (1n << 64n) - 1n, '', '\u202e', true, false, new Uint8Array(0), dice.bytes(16), dice.bytes(32), [], new Map()]);
  if (dice.below(6) === 0) return any();
  if (v instanceof Uint8Array || typeof v === 'string' || typeof v === 'boolean') return any();
  if (typeof v === 'bigint') return dice.of([v + 1n, v > 0n ? v - 1n : 1n, v * 2n > (1n << 64n) - 1n ? 0n : v * 2n, 0n]);
  if (v instanceof Map) {
    const all = [...(v as ReadonlyMap<bigint, Value>)];
    if (all.length === 0 || dice.below(8) === 0) return new Map([...all, [BigInt(dice.below(30)), any()]]);
    const [key, inner] = dice.of(all);
    const rest = all.filter(([k]) => k !== key);
    return new Map(dice.below(5) === 0 ? rest : [...rest, [key, bend(inner, dice)]]);
  }
  const items = [...(v as readonly Value[])];
  if (items.length === 0 || dice.below(8) === 0) return [...items, any()];
  const at = dice.below(items.length);
  if (dice.below(6) === 0) return items.toSpliced(at, 1);
  return items.with(at, bend(items[at]!, dice));
}

/** Bends the envelope, or a document inside of it. */
function bendDeep(v: Value, dice: Dice): Value {
  if (v instanceof Uint8Array && v.length > 0) {
    try {
      const inner = decode(v, { depth: 8, items: 512 });
      if (typeof inner === 'object') return encode(bendDeep(inner, dice));
    } catch {
      // No document: an id, a hash or a signature.
    }
    return dice.bytes(v.length);
  }
  if (!Array.isArray(v)) return bend(v, dice);
  const items = v as readonly Value[];
  const at = dice.below(items.length);
  return items.length > 0 && dice.below(4) > 0 ? items.with(at, bendDeep(items[at]!, dice)) : bend(v, dice);
}

test('documents of the right form that nobody signed are refused, whatever they say', async () => {
  expect(accepted.length).toBeGreaterThan(100);
  const dice = new Dice(3);
  for (const v of accepted) {
    await refusesAll(v, (raw) => encode(bendDeep(decode(raw, { depth: 8, items: 512 }), dice)), 25);
  }
});

test('an approval of one order is none of another', async () => {
  const orders = accepted.filter((v) => v.topic === 'dn/order' && readEnvelope(bytesOf(v.bytes)).kind === 1);
  const dice = new Dice(4);
  let tried = 0;
  for (let i = 0; i < 300; i++) {
    const [a, b] = [dice.of(orders), dice.of(orders)];
    const mine = decode(bytesOf(a.bytes), { depth: 4, items: 128 }) as readonly Value[];
    const other = decode(bytesOf(b.bytes), { depth: 4, items: 128 }) as readonly Value[];
    const at = 1 + dice.below(4);
    const raw = encode(mine.with(at, other[at]!));
    if (raw.length === a.bytes.length / 2 && raw.every((x, k) => x === bytesOf(a.bytes)[k])) continue;
    const verdict = await answer(await viewOf(a), a, raw);
    // Approvals of the very same prescription may be exchanged, and nothing else: what is accepted is what was accepted.
    if (verdict.code === 'applied') expect(got(verdict)).toEqual(expected(a));
    if (at === 1 || at === 3) expect(verdict.code, `${a.name} with ${at} of ${b.name}`).not.toBe('applied');
    tried++;
  }
  expect(tried).toBeGreaterThan(100);
}, 180_000);
