import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { AlarmList, PumpSnapshot } from '../api/types';
import { alarmRow, pumpRow } from '../testing';
import type { AlarmFrame, Frame } from './frames';
import { parseFrame } from './frames';
import { Sync } from './sync';

/** A server whose answers the test gives one by one. */
function setup() {
  const pumps: ((s: PumpSnapshot) => void)[] = [];
  const alarms: ((l: AlarmList) => void)[] = [];
  const pages: (string | undefined)[] = [];
  const trouble = vi.fn();
  const sync = new Sync({
    pumps: () => new Promise((ok) => pumps.push(ok)),
    alarms: (before) => new Promise((ok) => { pages.push(before); alarms.push(ok); }),
  }, trouble);
  return { sync, pumps, alarms, pages, trouble };
}

const snapshot = (rev: number, rows: PumpSnapshot['rows'], epoch = 'e1'): PumpSnapshot => ({ epoch, rev, at: '2026-03-01T12:00:00.000Z', rows });
const delta = (prev: number, rev: number, rows: object[], removed: string[] = []): Frame => ({ t: 'delta', prev, rev, rows: rows as { id: string }[], removed });
const list = (items: AlarmList['items'], at = '2026-03-01T12:00:00.000Z'): AlarmList => ({ checked_at: at, items, next: null });
const alarm = (seq: number, change: AlarmFrame['change'], a: AlarmFrame['alarm'], prev = seq - 1): AlarmFrame => ({ t: 'alarm', seq, prev, change, alarm: a });
const reset: Frame = { t: 'reset', reason: 'behind', rev: 10, aseq: 6 };
const hello = (part: object = {}): Frame => ({ t: 'hello', epoch: 'e1', rev: 10, aseq: 6, resumed: false, retry_min_ms: 1, retry_max_ms: 1, now: Date.now(), ...part }) as Frame;
const settle = () => new Promise((ok) => setTimeout(ok, 0));

async function loaded() {
  const s = setup();
  const loading = s.sync.load();
  s.pumps.shift()!(snapshot(10, [pumpRow({ id: '1' }), pumpRow({ id: '2' })]));
  await loading;
  return s;
}

let s: Awaited<ReturnType<typeof loaded>>;
beforeEach(async () => {
  s = await loaded();
});

describe('pumps', () => {
  test('a delta on our revision is applied and moves it', () => {
    s.sync.take(delta(10, 11, [{ id: '1', reservoir_nl: '5' }]));
    expect(s.sync.pumps.get('1')!.reservoir_nl).toBe('5');
    expect(s.sync.rev).toBe(11);
    expect(s.pumps).toHaveLength(0);
  });

  test('a delta that is already in is ignored', () => {
    s.sync.take(delta(8, 9, [{ id: '1', reservoir_nl: '5' }]));
    expect(s.sync.pumps.get('1')!.reservoir_nl).toBe('12345678');
    expect(s.sync.rev).toBe(10);
  });

  test('a delta that overlaps is applied, its rows are the newest state', () => {
    s.sync.take(delta(8, 12, [{ id: '1', reservoir_nl: '5' }]));
    expect(s.sync.rev).toBe(12);
    expect(s.pumps).toHaveLength(0);
  });

  test('a flush that needs several frames may name one revision more than once', () => {
    s.sync.take(delta(10, 11, [{ id: '1', reservoir_nl: '5' }]));
    s.sync.take(delta(11, 11, [{ id: '2', reservoir_nl: '6' }]));
    expect(s.sync.pumps.get('2')!.reservoir_nl).toBe('6');
  });

  test('a beat that says we should be further means that something is missing', () => {
    s.sync.take({ t: 'beat', now: Date.now(), rev: 10, aseq: 0 });
    expect(s.pumps).toHaveLength(0);
    s.sync.take({ t: 'beat', now: Date.now(), rev: 12, aseq: 0 });
    expect(s.pumps).toHaveLength(1);
  });

  test('a delta that leaves a hole is not applied; the snapshot is read again', async () => {
    s.sync.take(delta(11, 12, [{ id: '1', reservoir_nl: '5' }]));
    expect(s.sync.pumps.get('1')!.reservoir_nl).toBe('12345678');
    expect(s.sync.behind).toBe(true);
    s.pumps.shift()!(snapshot(12, [pumpRow({ id: '1', reservoir_nl: '5' })]));
    await settle();
    expect(s.sync.behind).toBe(false);
    expect(s.sync.pumps.ids()).toEqual(['1']);
  });

  test('a part of a row that we never saw is a hole too', () => {
    s.sync.take(delta(10, 11, [{ id: '3', reservoir_nl: '5' }]));
    expect(s.pumps).toHaveLength(1);
  });

  test('a whole new row comes in, a removed one goes', () => {
    s.sync.take(delta(10, 11, [pumpRow({ id: '3' })], ['2']));
    expect(s.sync.pumps.ids()).toEqual(['1', '3']);
  });

  test('deltas that arrive while the snapshot is read are laid over it', async () => {
    s.sync.take(reset);
    s.sync.take(delta(19, 20, [{ id: '1', reservoir_nl: '19' }]));
    s.sync.take(delta(20, 21, [{ id: '1', reservoir_nl: '21' }]));
    expect(s.sync.pumps.get('1')!.reservoir_nl).toBe('12345678');
    s.pumps.shift()!(snapshot(20, [pumpRow({ id: '1', reservoir_nl: '20' })]));
    await settle();
    expect(s.sync.rev).toBe(21);
    expect(s.sync.pumps.get('1')!.reservoir_nl).toBe('21');
  });

  test('of two snapshots under way the later one counts', async () => {
    s.sync.take(reset);
    s.sync.take(reset);
    const [first, second] = s.pumps.splice(0);
    second!(snapshot(31, [pumpRow({ id: '1', reservoir_nl: '31' })]));
    first!(snapshot(30, [pumpRow({ id: '1', reservoir_nl: '30' })]));
    await settle();
    expect(s.sync.rev).toBe(31);
    expect(s.sync.pumps.get('1')!.reservoir_nl).toBe('31');
  });

  test('another epoch in the hello means a new snapshot, the same one does not', () => {
    s.sync.take(hello());
    expect(s.pumps).toHaveLength(0);
    s.sync.take(hello({ epoch: 'e2', rev: 3 }));
    expect(s.pumps).toHaveLength(1);
  });

  test('a snapshot that cannot be read is reported and leaves us behind', async () => {
    const trouble = vi.fn();
    const sync = new Sync({ pumps: () => Promise.reject(new Error('down')), alarms: () => Promise.resolve(list([])) }, trouble);
    sync.take(reset);
    await settle();
    expect(trouble).toHaveBeenCalledOnce();
    expect(sync.behind).toBe(true);
    sync.take(delta(0, 1, [pumpRow({ id: '1' })]));
    expect(sync.pumps.size).toBe(0);
  });
});

describe('alarms', () => {
  beforeEach(async () => {
    s.sync.take(hello());
    s.alarms.shift()!(list([alarmRow({ id: 'a1' })]));
    await settle();
  });

  test('before the first list nothing was checked', () => {
    expect(setup().sync.alarms.checkedAt).toBeNull();
  });

  test('raised, acknowledged, cleared', () => {
    const { alarms } = s.sync;
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'a2', priority: 'high', pump: '2' })));
    expect(alarms.list().map((a) => a.id)).toEqual(['a2', 'a1']);
    expect(alarms.counts()).toEqual({ high: 1, medium: 0, low: 1, waiting: { high: 1, medium: 0, low: 1 } });
    s.sync.take(alarm(8, 'acknowledged', alarmRow({ id: 'a2', priority: 'high', pump: '2', state: 'acknowledged' })));
    expect(alarms.counts()).toMatchObject({ high: 1, waiting: { high: 0 } });
    expect(alarms.ofPump('2')).toHaveLength(1);
    s.sync.take(alarm(9, 'cleared', alarmRow({ id: 'a2', priority: 'high', pump: '2', state: 'cleared' })));
    expect(alarms.counts()).toMatchObject({ high: 0, low: 1 });
    expect(alarms.ofPump('2')).toHaveLength(0);
    expect(s.alarms).toHaveLength(0);
  });

  test('a hole in the lane means that the list is read again', async () => {
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'a2' })));
    s.sync.take(alarm(9, 'raised', alarmRow({ id: 'a4' })));
    expect(s.alarms).toHaveLength(1);
    s.alarms.shift()!(list([alarmRow({ id: 'a2' }), alarmRow({ id: 'a3' }), alarmRow({ id: 'a4' })]));
    await settle();
    expect(s.sync.alarms.list()).toHaveLength(3);
  });

  test('a frame that comes twice changes nothing', () => {
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'a2' })));
    s.sync.take(alarm(8, 'cleared', alarmRow({ id: 'a2', state: 'cleared' })));
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'a2' })));
    expect(s.sync.alarms.list().map((a) => a.id)).toEqual(['a1']);
  });

  test('what happens while the list is read is laid over the answer', async () => {
    s.sync.take(reset);
    s.sync.take(alarm(7, 'cleared', alarmRow({ id: 'a1', state: 'cleared' })));
    s.sync.take(alarm(8, 'raised', alarmRow({ id: 'a5' })));
    s.alarms.shift()!(list([alarmRow({ id: 'a1' })]));
    await settle();
    expect(s.sync.alarms.list().map((a) => a.id)).toEqual(['a5']);
  });

  test('a cut answer is not a checked list: the next page is asked for, to the end', async () => {
    s.pages.length = 0;
    s.sync.take(reset);
    s.alarms.shift()!({ ...list([alarmRow({ id: 'a', priority: 'high' })], '2026-03-01T12:30:00.000Z'), next: '4.1.17' });
    await settle();
    expect(s.pages).toEqual([undefined, '4.1.17']);
    // Nothing is checked by it: that was the list before.
    expect(s.sync.alarms.checkedAt).toBe(Date.parse('2026-03-01T12:00:00.000Z'));
    expect(s.sync.alarms.position).toBeNull();
    // What happens between two pages is laid over both.
    s.sync.take(alarm(7, 'cleared', alarmRow({ id: 'a', state: 'cleared' })));
    s.alarms.shift()!(list([alarmRow({ id: 'b' })], '2026-03-01T13:00:00.000Z'));
    await settle();
    expect(s.sync.alarms.list().map((a) => a.id)).toEqual(['b']);
    expect(s.sync.alarms.checkedAt).toBe(Date.parse('2026-03-01T12:30:00.000Z'));
  });

  test('a beat in step renews the check; a beat ahead of us means that frames are missing', () => {
    const now = Date.parse('2026-03-01T12:05:00.000Z');
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'a2' })));
    s.sync.take({ t: 'beat', now, rev: 10, aseq: 7 });
    expect(s.sync.alarms.checkedAt).toBe(now);
    s.sync.take({ t: 'beat', now: now + 2000, rev: 10, aseq: 8 });
    expect(s.sync.alarms.checkedAt).toBe(now);
    expect(s.alarms).toHaveLength(1);
  });

  test('a beat while the list is being read again renews nothing', () => {
    const before = s.sync.alarms.checkedAt;
    s.sync.take(reset);
    s.sync.take({ t: 'beat', now: before! + 60_000, rev: 10, aseq: 6 });
    expect(s.sync.alarms.checkedAt).toBe(before);
  });

  test('a resumed feed goes on with the list that we have', () => {
    expect(s.sync.alarms.position).toBe(6);
    s.sync.take(hello({ resumed: true }));
    expect(s.alarms).toHaveLength(0);
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'a2' })));
    expect(s.sync.alarms.list()).toHaveLength(2);
  });

  test('what is missing is not a position to resume from', () => {
    s.sync.take(alarm(9, 'raised', alarmRow({ id: 'a4' })));
    expect(s.sync.alarms.position).toBeNull();
  });

  test('info is not an alarm', () => {
    s.sync.take(alarm(7, 'raised', alarmRow({ id: 'i1', priority: 'info' })));
    expect(s.sync.alarms.list().map((a) => a.id)).toEqual(['a1']);
  });
});

describe('frames', () => {
  test('an unknown kind is left alone', () => expect(parseFrame('{"t":"later"}')).toBeNull());
  test.each([
    'x', '[]', '{"t":"delta","rev":1.5,"prev":1}', '{"t":"delta","rev":"2","prev":1}', '{"t":"alarm","seq":1,"prev":0,"alarm":null}',
    '{"t":"hello","rev":1}', '{"t":"beat"}', '{"t":"beat","now":1,"rev":1}', '{"t":"reset"}',
  ])('%s is broken', (text) => {
    if (text === '[]') expect(parseFrame(text)).toBeNull();
    else expect(() => parseFrame(text)).toThrow();
  });
});

test('what the person may see has changed: the lists are read again, and the page is told', async () => {
  const onScope = vi.fn();
  const pumps = vi.fn(() => Promise.resolve(snapshot(10, [])));
  const sync = new Sync({ pumps, alarms: () => Promise.resolve(list([])) }, vi.fn(), onScope);
  sync.take({ t: 'reset', reason: 'behind', rev: 10, aseq: 6 });
  await settle();
  expect(onScope).not.toHaveBeenCalled();
  sync.take({ t: 'reset', reason: 'scope', rev: 10, aseq: 6 });
  await settle();
  expect(onScope).toHaveBeenCalledOnce();
  expect(pumps).toHaveBeenCalledTimes(2);
});

test('the feed comes back in another epoch, under other roles perhaps: both lists are read again, and the page is told', async () => {
  const onScope = vi.fn();
  const pumps = vi.fn(() => Promise.resolve(snapshot(10, [])));
  const alarms = vi.fn(() => Promise.resolve(list([])));
  const sync = new Sync({ pumps, alarms }, vi.fn(), onScope);
  await sync.load();
  sync.take(hello());
  await settle();
  expect(onScope).not.toHaveBeenCalled();
  sync.take(hello({ epoch: 'e1.other' }));
  await settle();
  expect(onScope).toHaveBeenCalledOnce();
  expect(pumps).toHaveBeenCalledTimes(2);
  expect(alarms).toHaveBeenCalledTimes(2);
});
