import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AlarmList, PumpSnapshot } from '../api/types';
import { Problem } from '../api/problem';
import { pumpRow } from '../testing';
import { Link, type Socket, STALE_MS } from './link';
import { Sync } from './sync';

class FakeSocket implements Socket {
  onopen = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  closed = false;
  constructor(readonly epoch: string, readonly rev: number, readonly aseq: number | null) {}
  close() {
    this.closed = true;
  }
  send(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  end(code = 1006) {
    this.onclose?.({ code });
  }
}

function setup() {
  const sockets: FakeSocket[] = [];
  const server = { pumps: vi.fn<() => Promise<PumpSnapshot>>(), alarms: vi.fn<() => Promise<AlarmList>>() };
  server.pumps.mockImplementation(async () => ({ epoch: 'e1', rev: 10, at: new Date().toISOString(), rows: [pumpRow({ id: '1' })] }));
  server.alarms.mockImplementation(async () => ({ checked_at: new Date().toISOString(), items: [], next: null }));
  const ports = {
    random: 1,
    signedIn: 'yes' as 'yes' | 'no' | 'unknown',
  };
  const sync = new Sync(server, (err) => link.trouble(err));
  const link: Link = new Link(sync, {
    open: (epoch, rev, aseq) => {
      const s = new FakeSocket(epoch, rev, aseq);
      sockets.push(s);
      return s;
    },
    now: () => Date.now(),
    random: () => ports.random,
    signedIn: async () => ports.signedIn,
    isSignedOut: (err) => err instanceof Problem && err.status === 401,
  });
  return { sockets, server, ports, sync, link };
}

const hello = { t: 'hello', epoch: 'e1', rev: 10, aseq: 0, resumed: false, retry_min_ms: 1000, retry_max_ms: 8000, now: Date.UTC(2026, 2, 1, 12) };
const beat = () => ({ t: 'beat', now: Date.now(), rev: 10, aseq: 0 });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 2, 1, 12) }));
afterEach(() => void vi.useRealTimers());

async function live() {
  const t = setup();
  t.link.start();
  await pass(0);
  t.sockets[0]!.send(hello);
  await pass(0);
  return t;
}

describe('starting', () => {
  test('snapshot first, then the socket asks for what came after it', async () => {
    const t = setup();
    t.link.start();
    expect(t.link.status().phase).toBe('connecting');
    expect(t.sockets).toHaveLength(0);
    await pass(0);
    expect(t.sockets[0]).toMatchObject({ epoch: 'e1', rev: 10, aseq: null });
    t.sockets[0]!.send(hello);
    expect(t.link.status()).toMatchObject({ phase: 'live', attempt: 0, since: null });
  });

  test('a server that is down is tried again, and the trouble is named', async () => {
    const t = setup();
    t.server.pumps.mockRejectedValueOnce(new Error('no route'));
    t.link.start();
    await pass(0);
    expect(t.link.status()).toMatchObject({ phase: 'connecting', trouble: expect.objectContaining({ message: 'no route' }) as unknown });
    await pass(1000);
    t.sockets[0]!.send(hello);
    expect(t.link.status()).toMatchObject({ phase: 'live', trouble: null });
  });

  test('a 401 on the way ends the session instead of trying forever', async () => {
    const t = setup();
    t.server.pumps.mockRejectedValueOnce(new Problem(401, 'Not signed in'));
    t.link.start();
    await pass(60_000);
    expect(t.link.status().phase).toBe('signed-out');
    expect(t.server.pumps).toHaveBeenCalledTimes(1);
  });

  test('a socket that never says hello is given up', async () => {
    const t = setup();
    t.link.start();
    await pass(0);
    await pass(10_000);
    expect(t.sockets[0]!.closed).toBe(true);
    expect(t.link.status().trouble).not.toBeNull();
  });
});

describe('losing the connection', () => {
  test('the page knows since when it is not live: the last frame', async () => {
    const t = await live();
    await pass(1500);
    t.sockets[0]!.send(beat());
    const last = Date.now();
    await pass(700);
    t.sockets[0]!.end();
    expect(t.link.status()).toMatchObject({ phase: 'reconnecting', since: last, lastFrameAt: last });
  });

  test('attempts back off exponentially up to the bound of the server', async () => {
    const t = await live();
    t.sockets[0]!.end();
    const waits: number[] = [];
    for (let i = 1; i <= 6; i++) {
      const from = Date.now();
      while (t.sockets.length === i) await pass(100);
      waits.push(Date.now() - from);
      t.sockets[i]!.end();
      await pass(0);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 8000, 8000]);
    expect(t.link.status()).toMatchObject({ phase: 'reconnecting', attempt: 6 });
  });

  test('the jitter is full: anywhere from nothing to the bound', async () => {
    const t = await live();
    t.ports.random = 0;
    t.sockets[0]!.end();
    await pass(1);
    expect(t.sockets).toHaveLength(2);
  });

  test('it comes back without a new snapshot and catches up from its revision', async () => {
    const t = await live();
    t.sockets[0]!.send({ t: 'delta', prev: 10, rev: 14, rows: [{ id: '1', reservoir_nl: '7' }] });
    t.sockets[0]!.end();
    await pass(1000);
    expect(t.sockets[1]).toMatchObject({ epoch: 'e1', rev: 14, aseq: 0 });
    t.sockets[1]!.send({ ...hello, rev: 14, resumed: true });
    expect(t.link.status()).toMatchObject({ phase: 'live', since: null, attempt: 0 });
    expect(t.sync.snapshots).toBe(1);
    expect(t.server.alarms).toHaveBeenCalledTimes(1);
  });

  test('a feed that could not be resumed reads the alarms again', async () => {
    const t = await live();
    t.sockets[0]!.end();
    await pass(1000);
    t.sockets[1]!.send(hello);
    expect(t.server.alarms).toHaveBeenCalledTimes(2);
  });

  test('a frame of a socket that was given up changes nothing', async () => {
    const t = await live();
    const first = t.sockets[0]!;
    const { onmessage } = first;
    first.end();
    onmessage!({ data: JSON.stringify(beat()) });
    expect(t.link.status().phase).toBe('reconnecting');
  });

  test('a broken frame costs the connection, not the page', async () => {
    const t = await live();
    t.sockets[0]!.onmessage!({ data: '{' });
    expect(t.link.status().phase).toBe('reconnecting');
    expect(t.sync.pumps.size).toBe(1);
  });

  test('a snapshot that fails after a reset starts over', async () => {
    const t = await live();
    t.server.pumps.mockRejectedValueOnce(new Error('down'));
    t.sockets[0]!.send({ t: 'reset', reason: 'behind', rev: 12, aseq: 3 });
    await pass(0);
    expect(t.link.status().phase).toBe('reconnecting');
    await pass(1000);
    t.sockets[1]!.send(hello);
    expect(t.link.status().phase).toBe('live');
    expect(t.sync.behind).toBe(false);
  });
});

describe('silence', () => {
  test('beats keep it live', async () => {
    const t = await live();
    for (let i = 0; i < 30; i++) {
      await pass(2000);
      t.sockets[0]!.send(beat());
    }
    expect(t.link.status().phase).toBe('live');
    expect(t.sockets).toHaveLength(1);
  });

  test('no frame for 20 s is stale, since the last frame, and a new connection is tried', async () => {
    const t = await live();
    const last = Date.now();
    await pass(STALE_MS);
    expect(t.link.status().phase).toBe('live');
    await pass(1000);
    expect(t.link.status()).toMatchObject({ phase: 'stale', since: last });
    expect(t.sockets[0]!.closed).toBe(true);
    await pass(1000);
    expect(t.link.status()).toMatchObject({ phase: 'reconnecting', attempt: 1 });
    t.sockets[1]!.send(hello);
    expect(t.link.status()).toMatchObject({ phase: 'live', since: null });
  });

  test('a tab that slept judges by the wall clock at once when it wakes', async () => {
    const t = await live();
    const last = Date.now();
    // No timer ran, but an hour went by.
    vi.setSystemTime(last + 3_600_000);
    t.link.wake();
    expect(t.link.status()).toMatchObject({ phase: 'stale', since: last });
  });

  test('waking in the middle of a wait tries at once', async () => {
    const t = await live();
    t.sockets[0]!.end();
    t.link.wake();
    await pass(0);
    expect(t.sockets).toHaveLength(2);
    await pass(60_000);
    // The timer of the wait that was cut short does not open another one beside it.
    expect(t.sockets.filter((s) => !s.closed).length).toBeLessThanOrEqual(1);
  });

  test('waking while all is well does nothing', async () => {
    const t = await live();
    t.link.wake();
    expect(t.sockets).toHaveLength(1);
    expect(t.link.status().phase).toBe('live');
  });
});

describe('the end of the session', () => {
  test.each([
    ['a bye', (s: FakeSocket) => s.send({ t: 'bye', code: 'session' })],
    ['close code 4401', (s: FakeSocket) => s.end(4401)],
  ])('%s signs out and stops trying', async (_, end) => {
    const t = await live();
    end(t.sockets[0]!);
    expect(t.link.status().phase).toBe('signed-out');
    await pass(120_000);
    t.link.wake();
    await pass(0);
    expect(t.sockets).toHaveLength(1);
  });

  test('an upgrade that is refused because the session is over signs out', async () => {
    const t = await live();
    t.sockets[0]!.end();
    await pass(1000);
    t.ports.signedIn = 'no';
    t.sockets[1]!.end();
    await pass(0);
    expect(t.link.status().phase).toBe('signed-out');
  });

  test('an upgrade that is refused by a server that is down does not', async () => {
    const t = await live();
    t.sockets[0]!.end();
    await pass(1000);
    t.ports.signedIn = 'unknown';
    t.sockets[1]!.end();
    await pass(0);
    expect(t.link.status().phase).toBe('reconnecting');
  });

  test('another bye is a reason to come back', async () => {
    const t = await live();
    t.sockets[0]!.send({ t: 'bye', code: 'shutdown' });
    t.sockets[0]!.end(1001);
    expect(t.link.status().phase).toBe('reconnecting');
  });
});

test('stopped means stopped', async () => {
  const t = await live();
  t.link.stop();
  expect(t.sockets[0]!.closed).toBe(true);
  await pass(120_000);
  expect(t.sockets).toHaveLength(1);
});
