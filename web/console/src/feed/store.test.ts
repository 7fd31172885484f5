import { expect, test, vi } from 'vitest';
import { RowStore, sameFields } from './store';

interface R { id: string; a: number; b?: { c: number } }
const whole = (r: Partial<R>) => r.a !== undefined;

test('a change wakes the listeners of its row only', () => {
  const s = new RowStore<R>();
  s.replace([{ id: '1', a: 1 }, { id: '2', a: 2 }]);
  const one = vi.fn();
  const two = vi.fn();
  s.subscribeRow('1', one);
  s.subscribeRow('2', two);
  s.patch([{ id: '1', a: 5 }], whole);
  expect(one).toHaveBeenCalledTimes(1);
  expect(two).not.toHaveBeenCalled();
  expect(s.get('1')).toEqual({ id: '1', a: 5 });
});

test('each change of a row raises its version', () => {
  const s = new RowStore<R>();
  expect(s.rowVersion('1')).toBe(0);
  s.replace([{ id: '1', a: 1 }]);
  const v = s.rowVersion('1');
  s.patch([{ id: '1', a: 2 }], whole);
  expect(s.rowVersion('1')).toBe(v + 1);
});

test('a snapshot keeps the identity of rows that did not change', () => {
  const s = new RowStore<R>();
  s.replace([{ id: '1', a: 1, b: { c: 1 } }, { id: '2', a: 2 }]);
  const [one, two] = [s.get('1'), s.get('2')];
  s.replace([{ id: '1', a: 1, b: { c: 1 } }, { id: '2', a: 3 }]);
  expect(s.get('1')).toBe(one);
  expect(s.get('2')).not.toBe(two);
});

test('a snapshot drops rows that are gone and tells their listeners', () => {
  const s = new RowStore<R>();
  s.replace([{ id: '1', a: 1 }, { id: '2', a: 2 }]);
  const gone = vi.fn();
  s.subscribeRow('2', gone);
  s.replace([{ id: '1', a: 1 }]);
  expect(gone).toHaveBeenCalledOnce();
  expect(s.ids()).toEqual(['1']);
});

test('a patch merges, and a part of an unknown row is left out', () => {
  const s = new RowStore<R>();
  s.replace([{ id: '1', a: 1, b: { c: 1 } }]);
  s.patch([{ id: '1', a: 2 }, { id: '9', b: { c: 1 } }, { id: '3', a: 3 }], whole);
  expect(s.get('1')).toEqual({ id: '1', a: 2, b: { c: 1 } });
  expect(s.get('9')).toBeUndefined();
  expect(s.get('3')).toEqual({ id: '3', a: 3 });
});

test('listeners of everything are woken once per task', async () => {
  const s = new RowStore<R>();
  const any = vi.fn();
  s.subscribe(any);
  s.replace([{ id: '1', a: 1 }]);
  s.patch([{ id: '1', a: 2 }], whole);
  s.remove(['1', 'nobody']);
  expect(any).not.toHaveBeenCalled();
  await Promise.resolve();
  expect(any).toHaveBeenCalledOnce();
});

test('a listener that left hears nothing', () => {
  const s = new RowStore<R>();
  const f = vi.fn();
  s.subscribeRow('1', f)();
  s.replace([{ id: '1', a: 1 }]);
  expect(f).not.toHaveBeenCalled();
});

test('sameFields', () => {
  expect(sameFields({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toBe(true);
  expect(sameFields({ a: 1 }, { a: 1, b: undefined })).toBe(false);
  expect(sameFields([1, 2], [2, 1])).toBe(false);
  expect(sameFields(null, {})).toBe(false);
});
