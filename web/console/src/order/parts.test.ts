import { describe, expect, test } from 'vitest';
import { base64url, hex, sha256, unbase64url, unhex, utf8, type Bytes } from './bytes';
import { decode, encode, type Value } from './cbor';
import type { Program } from './content';
import { onCurve, readDer, readKey } from './keys';
import { ceilDiv, checkNumbers, figures, floorDiv, mass, meanDay, nearestDiv, worst } from './numbers';
import { Refusal } from './refusal';
import { Dice } from './testing-random';

const bounds = { depth: 6, items: 512 };

describe('deterministic CBOR', () => {
  test.each<[string, Value]>([
    ['00', 0n], ['17', 23n], ['1818', 24n], ['190100', 256n], ['1a00010000', 65_536n], ['1b0000000100000000', 4_294_967_296n], ['1bffffffffffffffff', 18_446_744_073_709_551_615n],
    ['20', -1n], ['3903e7', -1000n], ['40', new Uint8Array(0)], ['4401020304', new Uint8Array([1, 2, 3, 4])], ['62c3bc', 'ü'], ['83010203', [1n, 2n, 3n]],
    ['a201020304', new Map([[1n, 2n], [3n, 4n]])], ['f4', false], ['f5', true],
  ])('%s', (text, value) => {
    expect(decode(unhex(text)!, bounds)).toEqual(value);
    expect(hex(encode(value))).toBe(text);
  });

  test.each([
    ['no bytes', ''], ['a longer form', '1817'], ['two bytes for one', '1900ff'], ['four for two', '1a0000ffff'], ['eight for four', '1b00000000ffffffff'], ['indefinite', '9fff'], ['a tag', 'c000'],
    ['null', 'f6'], ['undefined', 'f7'], ['a half float', 'f93c00'], ['a float', 'fb3ff8000000000000'], ['a simple value', 'f0'], ['a reserved length', '1c'], ['a key twice', 'a201000100'],
    ['keys falling', 'a202000100'], ['a text key', 'a1616100'], ['a key below zero', 'a12000'], ['no UTF-8', '61ff'], ['a surrogate', '63eda080'], ['a byte more', '0000'], ['an end too early', '8201'],
    ['bytes that are not there', '5affffffff00'], ['seven deep', '8181818181818100'],
  ])('refuses %s', (_, text) => expect(() => decode(unhex(text)!, bounds)).toThrow(Refusal));

  test('a byte order mark is a character like any other', () => expect(decode(unhex('63efbbbf')!, bounds)).toBe('\ufeff'));

  test('what is written is read, and what is read is the one way to write it', () => {
    const dice = new Dice(7);
    const make = (depth: number): Value => {
      switch (dice.below(depth > 3 ? 4 : 6)) {
        case 0: return BigInt(dice.below(1 << 30)) << BigInt(dice.below(34));
        case 1: return -1n - BigInt(dice.below(70_000));
        case 2: return dice.bytes(dice.below(300));
        case 3: return dice.of(['', 'x', 'mcg/day', 'Σ'.repeat(dice.below(40))]);
        case 4: return Array.from({ length: dice.below(30) }, () => make(depth + 1));
        default: return new Map(Array.from({ length: dice.below(10) }, () => [BigInt(dice.below(400)), make(depth + 1)] as const));
      }
    };
    for (let i = 0; i < 500; i++) {
      const raw = encode(make(0));
      expect(hex(encode(decode(raw, bounds)))).toBe(hex(raw));
    }
    let read = 0;
    for (let i = 0; i < 20_000; i++) {
      const raw = dice.bytes(1 + dice.below(6));
      let v: Value;
      try {
        v = decode(raw, bounds);
      } catch (err) {
        expect(err).toBeInstanceOf(Refusal);
        continue;
      }
      expect(hex(encode(v))).toBe(hex(raw));
      read++;
    }
    expect(read).toBeGreaterThan(100);
  });
});

test('base64url is read only as it is written', () => {
  const dice = new Dice(8);
  for (let n = 0; n < 70; n++) {
    const raw = dice.bytes(n);
    expect(hex(unbase64url(base64url(raw))!)).toBe(hex(raw));
  }
  for (const bad of ['A', 'AB', 'AA==', 'AA ', 'A+', 'A/A', 'AAB', 'é']) expect(unbase64url(bad), bad).toBeNull();
  expect(base64url(utf8('hi?>'))).toBe('aGk_Pg');
});

describe('signatures in DER', () => {
  const n = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
  test.each([['smallest', '3006020101020101'], ['a zero before a high bit', '300702020080020101']])('%s', (_, text) => expect(readDer(unhex(text)!)).toHaveLength(64));
  test.each([
    ['nothing', ''], ['r of 0', '3006020100020101'], ['s of 0', '3006020101020100'], ['below zero', '3006020180020101'], ['a zero too many', '300702020001020101'], ['a long length', '308106020101020101'],
    ['a byte more', '300602010102010100'], ['a byte more inside', '300702010102010100'], ['another tag', '3106020101020101'], ['an empty number', '30050200020101'], ['r of n', `3026022100${n}020101`],
    ['cut', '30060201010201'],
  ])('refuses %s', (_, text) => expect(readDer(unhex(text)!)).toBeNull());
});

describe('keys', () => {
  // The generator of P-256.
  const g = `04${'6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'}${'4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5'}`;
  test('of the curve', async () => {
    expect(onCurve(unhex(g)!)).toBe(true);
    const text = `es256:${base64url(unhex(g)!)}`;
    expect(hex((await readKey(text))!.id)).toBe(hex(await sha256(utf8(text))));
  });
  test.each([['off it', g.replace(/5$/, '4')], ['compressed', `02${g.slice(2, 66)}`], ['infinity', '00'], ['not reduced', `04${'f'.repeat(128)}`]])('%s', async (_, text) => {
    expect(onCurve(unhex(text)!)).toBe(false);
    expect(await readKey(`es256:${base64url(unhex(text)!)}`)).toBeNull();
  });
  test.each(['', 'es256', 'es256:', 'ed25519:', 'rsa:AAAA', 'ed25519:AAAA'])('%j is none', async (text) => expect(await readKey(text)).toBeNull());
});

describe('numbers', () => {
  test('divisions round as they are named', () => {
    expect([floorDiv(7n, 2n), floorDiv(-7n, 2n), ceilDiv(7n, 2n), ceilDiv(-7n, 2n), ceilDiv(8n, 2n)]).toEqual([3n, -4n, 4n, -3n, 4n]);
    expect([nearestDiv(5n, 2n), nearestDiv(4n, 3n), nearestDiv(5n, 3n)]).toEqual([3n, 1n, 2n]);
  });

  const morphine = (c: bigint) => ({ ingredients: [{ code: 1n, concentration: c }], primary: 0, route: 1 });
  const flat = (volume: bigint): Program => ({ mode: 3, cycle: 86_400n, segments: [{ offset: 0n, duration: 86_400n, volume }], patient: undefined, after: 0 });

  // 10 → 20 mg/mL at 2 mg/day: 0.395 mL of the old fluid are 3.95 mg, at 0.2 mL/day for 47.4 h.
  test('a bridge to a stronger fluid', () => {
    const bridge = { volume: 395_000n, duration: 170_640n };
    expect(checkNumbers({ contents: morphine(20_000_000n), program: flat(100_000n), bridge, old: [morphine(10_000_000n)] }, 6000n))
      .toEqual([{ code: 1n, day: 2_000_000n, worst: 2_000_000n, once: 0n, bridge: 3_950_000n }]);
  });

  // 20 → 10 mg/mL: the same volume takes twice as long, 94.8 h at 0.1 mL/day.
  test('a bridge to a weaker fluid', () => {
    expect(nearestDiv(395_000n * 86_400n, 341_280n)).toBe(100_000n);
    expect(mass(395_000n, 20_000_000n, nearestDiv)).toBe(7_900_000n);
  });

  test('patient boluses count with all that they may give', () => {
    const p: Program = { ...flat(200_000n), patient: { volume: 30_000n, duration: 600n, lockout: 7200n, most: 4n, window: 0n, mostInWindow: 0n, validFor: 0n } };
    expect(meanDay(p)).toBe(200_000n);
    expect(worst(p, 86_400n, 6000n)).toBe(320_000n);
    expect(figures(p, morphine(10_000_000n), 6000n)).toEqual([{ code: 1n, day: 2_000_000n, worst: 3_200_000n }]);
  });

  test('the worst window is the worst of all windows, to the nanolitre that rounding costs', () => {
    const dice = new Dice(9);
    for (let i = 0; i < 40; i++) {
      const segments: { offset: bigint; duration: bigint; volume: bigint }[] = [];
      let end = 0n;
      for (let k = 0; k < 1 + dice.below(5); k++) {
        const duration = BigInt(1 + dice.below(20));
        segments.push({ offset: end, duration, volume: BigInt(dice.below(500)) });
        end += duration;
      }
      const p: Program = { mode: 6, cycle: end, segments, patient: undefined, after: 0 };
      const w = BigInt(1 + dice.below(60));
      const second = (t: bigint) => segments.find((s) => t % end >= s.offset && t % end < s.offset + s.duration)!;
      let most = 0;
      for (let t = 0n; t < end; t++) {
        let sum = 0;
        for (let k = t; k < t + w; k++) sum += Number(second(k).volume) / Number(second(k).duration);
        most = Math.max(most, sum);
      }
      const got = Number(worst(p, w, 0n));
      expect(got).toBeGreaterThanOrEqual(most - 1e-6);
      expect(got).toBeLessThanOrEqual(most + 2);
    }
  });
});

test('bytes that are not hexadecimal are none', () => {
  const none: (Bytes | null)[] = ['0', 'gg', 'AB', ' 00'].map(unhex);
  expect(none).toEqual([null, null, null, null]);
});
