import { renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { orders } from '../api/orders';
import { type Draft, draftOf } from './draft';
import { flat, library, pump } from './testing-therapy';
import { draftOfPump, useSaved } from './useSaved';

/** What is typed reaches the server, also the last of it before one goes on; what nobody typed does not. */

const blank = draftOf(pump({}, flat), library, 'program');
const saved: string[] = [];
let answer: () => void;

beforeEach(() => {
  saved.length = 0;
  vi.spyOn(orders, 'keepDraft').mockImplementation((_, { form }) => {
    saved.push((JSON.parse(form) as { d: Draft }).d.reason);
    return new Promise((done) => { answer = () => done({ kind: 'program', form, at: '2026-05-08T09:00:00Z' } as never); });
  });
  vi.spyOn(orders, 'dropDraft').mockResolvedValue(undefined as never);
  vi.spyOn(orders, 'draftOf').mockImplementation(() => Promise.resolve(saved.at(-1) as never));
});
afterEach(() => vi.restoreAllMocks());

const typing = (began: Draft) => renderHook(({ d }) => useSaved('7', d, 'state', began, undefined), { initialProps: { d: began } });

test('what was typed a moment before the form goes is saved, and who reads the draft then waits for it', async () => {
  const form = typing(blank);
  form.rerender({ d: { ...blank, reason: 'typed last' } });
  expect(saved).toEqual([]);
  form.unmount();
  expect(saved).toEqual(['typed last']);
  const reading = draftOfPump('7');
  await new Promise((turn) => { setTimeout(turn); });
  expect(orders.draftOf).not.toHaveBeenCalled();
  answer();
  expect(await reading).toBe('typed last');
});

test('a form that was begun anew is not saved before somebody types', async () => {
  const form = typing(blank);
  const other = { ...blank, reason: 'as it came back' };
  const gone = form.result.current.anew(other);
  form.rerender({ d: other });
  await gone;
  expect(orders.dropDraft).toHaveBeenCalledWith('7');
  form.unmount();
  expect(saved).toEqual([]);
});

test('what was proposed is not saved again', async () => {
  const form = typing(blank);
  form.rerender({ d: { ...blank, reason: 'proposed' } });
  await form.result.current.forget();
  form.unmount();
  expect(saved).toEqual([]);
});
