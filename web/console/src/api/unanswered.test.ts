import { afterEach, describe, expect, test, vi } from 'vitest';
import { devices, type NewReading } from './devices';
import { isUnanswered, Problem, words } from './problem';

const reading: NewReading = { taken_at: '2026-05-01T09:00:00.000Z', taken_by: 'Anna Keller', source: 'programmer', battery: '', alarms: [], alarms_seen: false, program: '', note: '', residual_nl: '12000000' };

/** A server that gives these answers one after the other: a status, or no answer at all. Returns the keys that came. */
function answers(...all: (number | 'none')[]): string[] {
  const keys: string[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    keys.push(request.headers.get('Idempotency-Key') ?? '');
    const next = all.shift() ?? 'none';
    if (next === 'none') throw new TypeError('Failed to fetch');
    return new Response('{}', { status: next, headers: { 'Content-Type': 'application/json' } });
  });
  return keys;
}

const fails = (p: Promise<unknown>) => p.then(() => { throw new Error('it was answered'); }, (e: unknown) => e as Problem);

afterEach(() => vi.unstubAllGlobals());

describe('an answer that does not come', () => {
  test('is never taken for "nothing was changed"', async () => {
    answers('none', 504);
    for (const pump of ['1', '2']) {
      const p = await fails(devices.record(pump, reading));
      expect(isUnanswered(p)).toBe(true);
      expect(words(p)).toBe('No answer came. It is not known whether it was done. Look before you try again.');
    }
  });

  test('of a question is a server that cannot be reached', async () => {
    answers('none');
    expect(isUnanswered(await fails(devices.readings('1')))).toBe(false);
  });

  test('leaves its key for the same press, until that is answered', async () => {
    const keys = answers('none', 503, 401, 200, 200);
    for (let i = 0; i < 3; i++) await fails(devices.record('3', reading));
    await devices.record('3', reading);
    await devices.record('3', reading);
    expect(new Set(keys.slice(0, 4)).size).toBe(1);
    expect(keys[4]).not.toBe(keys[0]);
  });

  test('leaves it for nothing else: another body, another pump', async () => {
    const keys = answers('none', 'none', 'none');
    await fails(devices.record('4', reading));
    await fails(devices.record('5', reading));
    await fails(devices.record('4', { ...reading, residual_nl: '12500000' }));
    expect(new Set(keys).size).toBe(3);
  });

  test('leaves it for ten minutes: later the same words are meant anew', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const keys = answers('none', 'none');
    await fails(devices.record('6', reading));
    vi.setSystemTime(Date.now() + 10 * 60_000);
    await fails(devices.record('6', reading));
    vi.useRealTimers();
    expect(keys[1]).not.toBe(keys[0]);
  });
});
