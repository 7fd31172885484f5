import { act, screen, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import type { Priority } from '../api/types';
import { alarmRow } from '../testing';
import { hello, openConsole, TestSocket } from '../testing-app';

// Checklist, line 9: a high alarm is announced at once and once, others politely, and the feed says something at most every 5 s.

let seq = 0;
function raise(id: string, priority: Priority, title: string, change: 'raised' | 'updated' | 'cleared' = 'raised') {
  seq++;
  act(() => TestSocket.all.at(-1)!.send({ t: 'alarm', seq, prev: seq - 1, change, alarm: alarmRow({ id, priority, title, raised_at: new Date().toISOString() }) }));
}

async function open() {
  seq = 0;
  const { view, server } = openConsole('/help');
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  // A screen that is still on its way has a status of its own.
  const loud = view.container.querySelector('.sr-only[role="alert"][aria-atomic="false"]')!;
  return { server, loud, quiet: loud.nextElementSibling! };
}

test('a high alarm is announced at once, and not again when it changes', async () => {
  const { loud, quiet } = await open();
  raise('1', 'high', 'Motor stalled');
  expect(loud).toHaveTextContent(/^High alarm: Motor stalled, pump HX0001$/);
  expect(quiet).toBeEmptyDOMElement();
  raise('2', 'high', 'Reservoir empty');
  expect(loud).toHaveTextContent('Reservoir empty');
  raise('1', 'high', 'Motor stalled', 'updated');
  raise('1', 'high', 'Motor stalled');
  expect(loud).toHaveTextContent('Reservoir empty');
});

test('others are announced politely, together, 5 s after the first', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  try {
    const { loud, quiet } = await open();
    raise('1', 'medium', 'Low reservoir');
    await act(() => vi.advanceTimersByTimeAsync(3000));
    raise('2', 'low', 'Battery low');
    expect(quiet).toBeEmptyDOMElement();
    await act(() => vi.advanceTimersByTimeAsync(2500));
    expect(quiet).toHaveTextContent('Medium alarm: Low reservoir, pump HX0001. Low alarm: Battery low, pump HX0001');
    expect(loud).toBeEmptyDOMElement();
    for (let i = 10; i < 22; i++) raise(String(i), 'low', `Alarm ${i}`);
    await act(() => vi.advanceTimersByTimeAsync(5500));
    expect(quiet).toHaveTextContent(/^12 new alarms$/);
  } finally {
    vi.useRealTimers();
  }
});

test('high alarms that come together are all there to be heard, in their order', async () => {
  const { loud } = await open();
  for (const id of ['1', '2', '3']) raise(id, 'high', `Stall ${id}`);
  expect([...loud.children].map((c) => c.textContent)).toEqual(['1', '2', '3'].map((id) => `High alarm: Stall ${id}, pump HX0001`));
});

test('an alarm that rises to high is announced as one, known or not', async () => {
  const { loud } = await open();
  raise('1', 'low', 'Low reservoir');
  expect(loud).toBeEmptyDOMElement();
  raise('1', 'high', 'Low reservoir', 'updated');
  expect(loud).toHaveTextContent('High alarm: Low reservoir, pump HX0001');
});

test('what was raised while the page heard nothing is announced when the list is read again, once, and what was there before is not', async () => {
  const { server, loud } = await open();
  raise('1', 'high', 'Motor stalled');
  server.alarms = [alarmRow({ id: '1', priority: 'high', title: 'Motor stalled' }), alarmRow({ id: '2', priority: 'high', title: 'Reservoir empty' }), alarmRow({ id: '3', priority: 'high', title: 'Known', state: 'acknowledged' })];
  // A frame is missing, so that the list is read again.
  seq++;
  raise('9', 'high', 'Over soon');
  await waitFor(() => expect(loud).toHaveTextContent('High alarm: Reservoir empty'));
  expect(loud).not.toHaveTextContent('Known');
  expect([...loud.children].map((c) => c.textContent)).toHaveLength(3);
});

test('what is there when one comes is not announced', async () => {
  seq = 0;
  const { view } = openConsole('/help', { alarms: [alarmRow({ id: '1', priority: 'high', title: 'Motor stalled' })] });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await waitFor(() => expect(screen.getByRole('link', { name: /1 high alarm/ })).toBeInTheDocument());
  raise('2', 'high', 'Reservoir empty');
  expect(view.container.querySelector('.sr-only[role="alert"]')).toHaveTextContent(/^High alarm: Reservoir empty, pump HX0001$/);
});
