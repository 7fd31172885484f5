import { expect, test } from 'vitest';
import { pumpRow } from '../testing';
import type { Group } from '../api/fleet';
import type { Person } from '../api/types';
import type { Order } from '../api/orders';
import { me } from '../testing-app';
import { type Choice, findChoices, groupChoices, orderChoices, personChoices, pumpChoices } from './choices';
import { commandsOf } from './commands';

const choice = (name: string, group: string, words = ''): Choice => ({ id: name, group, name, words, run: () => {} });
const all = [choice('Fleet', 'Go to', 'pumps list'), choice('Alarms', 'Go to'), choice('High alarms', 'Show'), choice('Dark theme', 'Do', 'night')];
const names = (text: string) => findChoices(all, text).map((c) => c.name);

test('without a text everything is there, in the order of the groups', () => expect(names('')).toEqual(['Fleet', 'Alarms', 'High alarms', 'Dark theme']));
test('all words must be there, in the name or beside it', () => {
  expect(names('alarms')).toEqual(['Alarms', 'High alarms']);
  expect(names('pumps')).toEqual(['Fleet']);
  expect(names('night theme')).toEqual(['Dark theme']);
  expect(names('dark alarms')).toEqual([]);
});

test('pumps: none without a text, the best first, at most eight', () => {
  const rows = Array.from({ length: 20 }, (_, i) => pumpRow({ id: String(i), serial: `TV-${100 + i}`, label: i === 3 ? 'Bay 101' : '', patient: i === 7 ? 'P-7Q2M-000B' : null }));
  const find = (text: string) => pumpChoices(rows, text, () => 'Lakeside', () => {}).map((c) => c.name);
  expect(find('')).toEqual([]);
  expect(find('tv')).toHaveLength(8);
  expect(find('TV-101')).toEqual(['TV-101']);
  expect(find('101')).toEqual(['TV-101', 'TV-103']);
  expect(find('lakeside 105')).toEqual(['TV-105']);
  expect(find('p-7q2m')).toEqual(['TV-107']);
  expect(pumpChoices(rows, '7q2m', () => 'Lakeside', () => {})[0]!.hint).toBe('patient P-7Q2M-000B · Helix 20 · Lakeside');
});

test('groups: none without a text, by name and note, with their site', () => {
  const group = (id: string, name: string, note = '', filter = ''): Group => ({ id, name, note, filter, site: '1', owner: '7', owner_name: 'Anna', created_at: '2026-03-01T10:00:00Z', etag: '"1"' });
  const groups = [group('1', 'Refill on Monday'), group('2', 'MRI suite', 'monday mornings', 'tag:mri'), ...Array.from({ length: 12 }, (_, i) => group(String(10 + i), `Ward ${i}`))];
  const find = (text: string) => groupChoices(groups, text, () => 'Lakeside', () => {}).map((c) => `${c.name}: ${c.hint}`);
  expect(find('')).toEqual([]);
  expect(find('monday')).toEqual(['Refill on Monday: Lakeside · by hand', 'MRI suite: Lakeside · by a filter']);
  expect(find('ward')).toHaveLength(8);
  expect(find('night')).toEqual([]);
});

test('people: as the server found them, each role once, and a shut account says so', () => {
  const role = (r: 'nurse' | 'admin', site_short: string) => ({ site: '1', site_short, role: r, granted_at: '2026-03-01T10:00:00Z', granted_by: 'person:8 ada' });
  const person = (part: Partial<Person>): Person => ({ id: '21', login: 'rosa', name: 'Rosa Weil', state: 'open', created_at: '2026-03-01T10:00:00Z', disabled_at: null, seen_at: null, sessions: 0, elsewhere: false, managed: true, roles: [role('nurse', 'Lakeside')], ...part });
  const opened: string[] = [];
  const made = personChoices([person({}), person({ id: '22', name: 'Otto', login: 'otto', state: 'disabled', roles: [] })], (id) => opened.push(id));
  expect(made.map((c) => `${c.name}: ${c.hint}`)).toEqual(['Rosa Weil: rosa · Refill nurse, Lakeside', 'Otto: otto · account shut']);
  made[1]!.run();
  expect(opened).toEqual(['22']);
});

test('open orders: by number, act, pump and proposer, at most eight', () => {
  const order = (id: string, act: Order['act'], serial: string) => ({ id, act, site: '1', document: { serial }, state: 'proposed', proposer: { id: '8', name: 'Otto Brandt' } }) as unknown as Order;
  const all = [order('17', 'program', 'TV-1'), order('18', 'bolus', 'TV-2'), ...Array.from({ length: 9 }, (_, i) => order(String(30 + i), 'visit', 'TV-9'))];
  const find = (text: string) => orderChoices(all, text, () => 'Lakeside', () => {}).map((c) => c.name);
  expect(find('')).toEqual([]);
  expect(find('order 17')).toEqual(['Order 17']);
  expect(find('tv-2')).toEqual(['Order 18']);
  expect(find('otto')).toHaveLength(8);
});

test('in a visit only what is of use for one pump is offered', () => {
  const visit = { patient: '3', token: 'P-AAAA', pump: '1', pump_serial: 'TV-1', left_seconds: 60 };
  const led = commandsOf({ ...me, visit }).flatMap((c) => c.to ?? []);
  expect(led).toContain('/alarms');
  expect(led).not.toContain('/fleet');
  expect(commandsOf(me).some((c) => c.to === '/fleet')).toBe(true);
});
