import { describe, expect, test } from 'vitest';
import type { OnCall } from '../api/orders';
import { escalationOf } from './escalation';

const noon = Date.parse('2026-05-04T12:00:00Z');
const iso = (minutes: number) => new Date(noon + minutes * 60_000).toISOString();
const on = (user: string, name: string, wait_s: number, part: Partial<OnCall> = {}): OnCall => ({ id: user, site: '1', user, name, from: iso(-60), to: iso(480), rank: 1, wait_s, ...part });
const list = [on('11', 'Dr. Jonas Falk', 900), on('12', 'Priya Raman', 1800), on('13', 'Dr. Otis', 3600)];
const order = (asked: string[] = [], until: number | null = null, proposer = '1', signed: string[] = []) => ({
  site: '1', state: 'proposed' as const, proposed_at: iso(0), asked_all: asked, asked_until: until === null ? null : iso(until), proposer: { id: proposer }, approvals: signed.map((id) => ({ person: { id } })),
});
const events = [{ note: 'Dr. Jonas Falk is asked to verify', at: iso(1) }, { note: 'Priya Raman is asked to verify', at: iso(16) }, { note: 'proposed', at: iso(0) }];

describe('who is asked, and who next', () => {
  test('the first, and the second when the time of the first is over', () => {
    expect(escalationOf(order(['11'], 16), list, events.slice(0, 1), noon)).toEqual({ asked: { name: 'Dr. Jonas Falk', at: iso(1) }, next: { name: 'Priya Raman', at: noon + 960_000 } });
  });
  test('the latest who was asked', () => {
    expect(escalationOf(order(['11', '12'], 46), list, events, noon)).toEqual({ asked: { name: 'Priya Raman', at: iso(16) }, next: { name: 'Dr. Otis', at: noon + 2_760_000 } });
  });
  test('nobody after the last', () => { expect(escalationOf(order(['11', '12', '13'], 60), list, events, noon)!.next).toBeNull(); });
  test('the next shift, though the list has got shorter', () => {
    expect(escalationOf(order(['11'], 16), list.slice(1, 2), events.slice(0, 1), noon)!.next).toEqual({ name: 'Priya Raman', at: noon + 960_000 });
  });
  test('nobody asked yet: it goes to the first at once', () => {
    expect(escalationOf(order(), list, [], noon)).toEqual({ asked: null, next: { name: 'Dr. Jonas Falk', at: noon } });
  });
  test('never the proposer or who has signed, nobody of another site, nobody out of their time', () => {
    expect(escalationOf(order([], null, '11'), list, [], noon)!.next!.name).toBe('Priya Raman');
    expect(escalationOf(order([], null, '1', ['11']), list, [], noon)!.next!.name).toBe('Priya Raman');
    const none = [on('14', 'A', 60, { site: '2' }), on('15', 'B', 60, { to: iso(0) }), on('16', 'C', 60, { from: iso(30) })];
    expect(escalationOf(order(), none, [], noon)).toEqual({ asked: null, next: null });
  });
  test('a verified order that lacks signatures has one; an approved one has none', () => {
    expect(escalationOf({ ...order(['11'], 16), state: 'verified' }, list, events, noon)!.next!.name).toBe('Priya Raman');
    expect(escalationOf({ ...order(['11'], 16), state: 'approved' }, list, events, noon)).toBeNull();
    expect(escalationOf({ ...order(), proposed_at: null }, list, events, noon)).toBeNull();
  });
});
