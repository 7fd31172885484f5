import { describe, expect, test } from 'vitest';
import { doubtsOf, type Read } from './doubts';

const AT = Date.UTC(2026, 2, 1, 12, 0, 0);
const query = (key: string, part: Partial<Read['state']> = {}, active = true): Read => ({ queryKey: [key], isActive: () => active, state: { status: 'success', fetchStatus: 'idle', dataUpdatedAt: AT, ...part } });

describe('why a printed page should not be taken for the whole truth', () => {
  test('nothing, if all of it was read and the feed is live', () => {
    expect(doubtsOf([query('pump'), query('orders', { fetchStatus: 'fetching' })], null, false, false, '/fleet')).toEqual([]);
  });

  test('nothing was heard from the server', () => {
    expect(doubtsOf([], AT, false, false, '/fleet')).toEqual([expect.stringMatching(/^Not current: nothing was heard from the server since 2026-03-01 /)]);
  });

  test('a part that could not be read again says from when it is, the oldest of several', () => {
    const [doubt, ...more] = doubtsOf([query('pump', { status: 'error' }), query('orders', { status: 'error', dataUpdatedAt: AT - 3_600_000 })], null, false, false, '/fleet');
    expect(more).toEqual([]);
    expect(doubt).toMatch(/^Not current: a part could not be read again and is as it was at 2026-03-01 /);
    expect(doubt).toContain(new Date(AT - 3_600_000).toLocaleTimeString('en-GB'));
  });

  test.each([
    ['never read', [query('pump', { status: 'error', dataUpdatedAt: 0 })], false, false, 'Not complete: a part could not be read.'],
    ['being read', [query('pump', { status: 'pending', fetchStatus: 'fetching', dataUpdatedAt: 0 })], false, false, 'Not complete: a part was still being read when this was printed.'],
    ['waiting for the network', [query('pump', { status: 'pending', fetchStatus: 'paused', dataUpdatedAt: 0 })], false, false, 'Not complete: a part was still being read when this was printed.'],
    ['places for what has not come', [], true, false, 'Not complete: a part was still being read when this was printed.'],
    ['a part of the page has not come', [], false, true, 'Not complete: a part could not be read.'],
  ] as const)('%s', (_, queries, ghosts, missing, want) => expect(doubtsOf([...queries], null, ghosts, missing, '/fleet')).toEqual([want]));

  test('what the page does not rest on is no doubt: another screen, the frame, what nobody asked for', () => {
    const bad = { status: 'error', dataUpdatedAt: 0 } as const;
    expect(doubtsOf([query('views', { status: 'pending', fetchStatus: 'fetching', dataUpdatedAt: 0 }), query('tags', bad)], null, false, false, '/fleet')).toEqual([]);
    expect(doubtsOf([query('pump', bad, false), query('session', bad), query('demo', bad), query('security', bad), query('pump', { status: 'pending', fetchStatus: 'idle', dataUpdatedAt: 0 })], null, false, false, '/fleet')).toEqual([]);
  });

  test.each([['security', '/me'], ['views', '/groups'], ['tags', '/groups']])('the page that shows them rests on them: %s, %s', (key, path) => {
    expect(doubtsOf([query(key, { status: 'error', dataUpdatedAt: 0 })], null, false, false, path)).toEqual(['Not complete: a part could not be read.']);
  });
});
