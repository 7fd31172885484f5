import { expect, test } from 'vitest';
import { pumpRow } from '../testing';
import { type Choice, findChoices, pumpChoices } from './choices';

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
  const rows = Array.from({ length: 20 }, (_, i) => pumpRow({ id: String(i), serial: `TV-${100 + i}`, label: i === 3 ? 'Bay 101' : '' }));
  const find = (text: string) => pumpChoices(rows, text, () => 'Lakeside', () => {}).map((c) => c.name);
  expect(find('')).toEqual([]);
  expect(find('tv')).toHaveLength(8);
  expect(find('TV-101')).toEqual(['TV-101']);
  expect(find('101')).toEqual(['TV-101', 'TV-103']);
  expect(find('lakeside 105')).toEqual(['TV-105']);
});
