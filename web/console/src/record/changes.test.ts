import { expect, test } from 'vitest';
import { changesOf } from './changes';
import { fromLocal, readRecordSearch, recordQuery, toLocal } from './search';

test('what was and what is, member by member', () => {
  expect(changesOf({ old: { label: 'Bed 1', facts: { udi: 'x' }, groups: ['a'] }, new: { label: 'Bed 2', facts: { udi: 'x' }, groups: ['a', 'b'], note: '' } })).toEqual([
    { member: 'label', before: 'Bed 1', after: 'Bed 2', changed: true },
    { member: 'facts.udi', before: 'x', after: 'x', changed: false },
    { member: 'groups', before: 'a', after: 'a, b', changed: true },
    { member: 'note', before: '–', after: '–', changed: false },
  ]);
  expect(changesOf({ from: 'active', to: 'revoked' })).toEqual([{ member: 'value', before: 'active', after: 'revoked', changed: true }]);
  for (const d of [null, undefined, 'x', 1, {}, { old: 1 }, [1]]) expect(changesOf(d)).toBeNull();
});

test('the address of the record', () => {
  expect(readRecordSearch({ kind: ' pump. ', actor: '', from: '2026-01-01T00:00:00Z', to: 'never', entry: '7', other: 'x', pump: ['1'] })).toEqual({ kind: 'pump.', from: '2026-01-01T00:00:00.000Z', entry: '7' });
  expect(recordQuery({ entry: '7', kind: 'pump.' })).toEqual({ kind: 'pump.' });
  const iso = new Date(2026, 2, 1, 14, 5).toISOString();
  expect(toLocal(iso)).toBe('2026-03-01T14:05');
  expect(fromLocal(toLocal(iso))).toBe(iso);
  expect(fromLocal('')).toBeUndefined();
});
