import { act, screen, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import type { Priority } from '../api/types';
import { alarmRow } from '../testing';
import { hello, openConsole, TestSocket } from '../testing-app';

// Checklist, line 9: a high alarm is announced at once and once, others politely, and the feed says something at most every 5 s.

let seq = 0;
function raise(id: string, priority: Priority, title: string, change: 'raised' | 'updated' = 'raised') {
  seq++;
  act(() => TestSocket.all.at(-1)!.send({ t: 'alarm', seq, prev: seq - 1, change, alarm: alarmRow({ id, priority, title, raised_at: new Date().toISOString() }) }));
}

async function open() {
  seq = 0;
  const { view } = openConsole('/help');
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  const at = (role: 'alert' | 'status') => view.container.querySelector(`.sr-only[role="${role}"]`)!;
  return { loud: at('alert'), quiet: at('status') };
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
