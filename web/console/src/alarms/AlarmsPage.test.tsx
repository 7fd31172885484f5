import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test, vi } from 'vitest';
import { hello, me, openConsole, TestSocket } from '../testing-app';
import { alarmRow, pumpRow } from '../testing';

async function open(part: Parameters<typeof openConsole>[1] = {}) {
  const app = openConsole('/alarms', part);
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  return app;
}

describe('"none" is only said of a list that was complete a moment ago', () => {
  test('loading is not none', async () => {
    await open({ answers: { 'GET /alarms': 'hang' } });
    expect(await screen.findByText('Loading alarms…')).toBeInTheDocument();
    expect(screen.queryByText('No active alarms')).not.toBeInTheDocument();
  });

  test('a complete list is, with the time of the check', async () => {
    await open();
    expect(await screen.findByText('No active alarms')).toBeInTheDocument();
    expect(screen.getByText(/^Checked at \d\d:\d\d:\d\d\.$/)).toBeInTheDocument();
  });

  test('a list that goes on is not the whole list', async () => {
    await open({ answers: { 'GET /alarms': (q) => (q.has('before') ? 'hang' : { body: { checked_at: new Date().toISOString(), items: [], next: '4.1.17' } }) } });
    await screen.findByText('Loading alarms…');
    await act(() => new Promise((ok) => setTimeout(ok, 50)));
    expect(screen.queryByText('No active alarms')).not.toBeInTheDocument();
  });

  test('without a feed it is not known any more', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      await open();
      await screen.findByText('No active alarms');
      act(() => TestSocket.all[0]!.onclose!({ code: 1006 }));
      await act(() => vi.advanceTimersByTimeAsync(4000));
      expect(screen.queryByText('No active alarms')).not.toBeInTheDocument();
      expect(screen.getByText('Not known')).toBeInTheDocument();
      expect(screen.getByText('This list is not current.')).toBeInTheDocument();
    } finally {
      vi.useRealTimers();
    }
  });

  test('after 30 s without a check it is not known, even on an open connection', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      await open();
      await screen.findByText('No active alarms');
      // The lane reports frames that never came, and the list cannot be read again.
      for (let i = 0; i < 20; i++) {
        await act(() => vi.advanceTimersByTimeAsync(2000));
        act(() => TestSocket.all[0]!.send({ t: 'delta', prev: 10, rev: 10, rows: [] }));
      }
      expect(screen.getByText('Not known')).toBeInTheDocument();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('whom an alarm is of', () => {
  const alarms = [alarmRow({ id: 'a', pump: '1', patient: 'P-7Q2M-000B' }), alarmRow({ id: 'b', pump: '9', patient: 'P-8888-8888' }), alarmRow({ id: 'c', pump: '2' })];
  const pumps = [pumpRow({ id: '1', patient: 'P-7Q2M-000B' }), pumpRow({ id: '2' })];
  const item = (id: string) => document.querySelector(`[data-alarm="${id}"]`)!;

  test('stands with its pump, and changes with the pump’s', async () => {
    await open({ alarms, pumps });
    await screen.findByRole('list', { name: 'Alarms' });
    await waitFor(() => expect(item('a')).toHaveTextContent('patient P-7Q2M-000B'));
    expect(item('b')).toHaveTextContent('patient P-8888-8888');
    expect(item('c')).not.toHaveTextContent('patient');
    act(() => TestSocket.all[0]!.send({ t: 'delta', prev: 10, rev: 11, rows: [{ id: '1', patient: 'P-AAAA-2222' }, { id: '2', patient: 'P-7Q2M-000B' }] }));
    expect(item('a')).toHaveTextContent('patient P-AAAA-2222');
    expect(item('c')).toHaveTextContent('patient P-7Q2M-000B');
  });

  test('one that is over keeps whom the server names, or nobody', async () => {
    const over = { state: 'cleared' as const, cleared_at: '2026-03-01T11:30:00.000Z' };
    const items = [alarmRow({ id: 'a', pump: '1', ...over }), alarmRow({ id: 'b', pump: '1', patient: 'P-7Q2M-000B', ...over })];
    openConsole('/alarms?show=all', { pumps, answers: { 'GET /alarms': () => ({ body: { checked_at: new Date().toISOString(), items, next: null } }) } });
    await waitFor(() => expect(TestSocket.all).toHaveLength(1));
    act(hello);
    await waitFor(() => expect(item('b')).toHaveTextContent('patient P-7Q2M-000B'));
    expect(item('a')).not.toHaveTextContent('patient');
  });
});

describe('a list', () => {
  const alarms = [
    alarmRow({ id: 'l', title: 'Low reservoir', priority: 'low' }),
    alarmRow({ id: 'h', title: 'Motor stall', priority: 'high', latched: true }),
    alarmRow({ id: 'k', title: 'Catheter', priority: 'high', state: 'acknowledged', ack_by: 'Sofia Lind', ack_at: '2026-03-01T11:30:00.000Z', ack_note: 'on her way' }),
  ];

  test('urgent first, known ones after unknown ones, mark and word together', async () => {
    await open({ alarms });
    const items = within(await screen.findByRole('list', { name: 'Alarms' })).getAllByRole('listitem');
    expect(items.map((i) => i.getAttribute('data-alarm'))).toEqual(['h', 'k', 'l']);
    expect(items[0]).toHaveTextContent('!!!High');
    expect(items[2]).toHaveTextContent('!Low');
    expect(items[1]).toHaveTextContent('Acknowledged by Sofia Lind');
    expect(within(items[1]!).queryByRole('button', { name: /Acknowledge/ })).not.toBeInTheDocument();
  });

  test('a high alarm is not acknowledged without a note', async () => {
    const user = userEvent.setup({ delay: null });
    const app = await open({ alarms, answers: { 'POST /alarms/h/acknowledge': { body: alarms[1] } } });
    await user.click(await screen.findByRole('button', { name: /Acknowledge Motor stall/ }));
    const dialog = await screen.findByRole('dialog', { name: 'Acknowledge alarm' });
    await user.click(within(dialog).getByRole('button', { name: 'Acknowledge' }));
    expect(within(dialog).getByText('A high alarm needs a note.')).toBeInTheDocument();
    expect(app.server.requests.some((r) => r.method === 'POST')).toBe(false);
    await user.type(within(dialog).getByLabelText('What is being done'), 'Called the patient');
    await user.click(within(dialog).getByRole('button', { name: 'Acknowledge' }));
    await waitFor(() => expect(app.server.requests.find((r) => r.method === 'POST')).toMatchObject({ path: '/alarms/h/acknowledge', body: { note: 'Called the patient' } }));
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  });

  test('a refusal stays in the dialog, with the typed note', async () => {
    const user = userEvent.setup({ delay: null });
    await open({ alarms, answers: { 'POST /alarms/l/acknowledge': { status: 409, body: { title: 'The alarm has ended', detail: 'It was cleared by the pump.' } } } });
    await user.click(await screen.findByRole('button', { name: /Acknowledge Low reservoir/ }));
    const dialog = await screen.findByRole('dialog');
    await user.type(within(dialog).getByLabelText(/Note/), 'booked');
    await user.click(within(dialog).getByRole('button', { name: 'Acknowledge' }));
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('The alarm has ended. It was cleared by the pump.');
    expect(within(dialog).getByLabelText(/Note/)).toHaveValue('booked');
  });

  test('a new alarm of the feed appears, and a high one is announced', async () => {
    await open({ alarms });
    await screen.findByRole('list', { name: 'Alarms' });
    act(() => TestSocket.all[0]!.send({ t: 'alarm', seq: 1, prev: 0, change: 'raised', alarm: alarmRow({ id: 'n', title: 'Reservoir empty', priority: 'high', raised_at: new Date().toISOString() }) }));
    expect(screen.getAllByRole('listitem')[0]).toHaveTextContent('Reservoir empty');
    expect(screen.getByText('High alarm: Reservoir empty, pump HX0001').closest('[role=alert]')).toBeInTheDocument();
  });

  test('who may only look is not offered to acknowledge', async () => {
    await open({ alarms, me: { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'auditor' }] } });
    await screen.findByRole('list', { name: 'Alarms' });
    expect(screen.queryByRole('button', { name: /Acknowledge/ })).not.toBeInTheDocument();
  });
});

test('of one priority the server is asked for it, page by page: others, however many and new, hide none', async () => {
  const user = userEvent.setup({ delay: null });
  const old = alarmRow({ id: 'h', title: 'Motor stall', priority: 'high', state: 'cleared', cleared_at: '2026-03-01T12:00:00.000Z' });
  const app = openConsole('/alarms?show=all&priority=high', { answers: { 'GET /alarms': (q) => ({ body: { checked_at: new Date().toISOString(), items: q.get('before') === '9' ? [old] : [], next: { '17': '9', '9': null }[q.get('before') ?? ''] ?? (q.has('before') || q.get('state') === 'active' ? null : '17') } }) } });
  await user.click(await screen.findByRole('button', { name: 'Load older' }));
  const asked = () => app.server.requests.filter((r) => r.path.startsWith('/alarms?state=all')).map((r) => r.path);
  await waitFor(() => expect(asked()).toContain('/alarms?state=all&limit=200&least=high&most=high&before=17'));
  expect(screen.queryByText(/There has never been/)).not.toBeInTheDocument();
  await user.click(await screen.findByRole('button', { name: 'Load older' }));
  expect((await screen.findAllByText('Motor stall')).length).toBeGreaterThan(0);
});

test('what is shown is in the address; Back undoes one choice and leaves nothing behind', async () => {
  const user = userEvent.setup({ delay: null });
  const app = await open({ alarms: [alarmRow({ id: 'h', priority: 'high' })] });
  await screen.findByRole('list', { name: 'Alarms' });
  await user.click(screen.getByRole('button', { name: 'High' }));
  await waitFor(() => expect(app.address()).toBe('/alarms?priority=high'));
  await user.click(screen.getByRole('button', { name: 'High' }));
  await user.click(screen.getByRole('button', { name: 'With cleared' }));
  await waitFor(() => expect(app.address()).toBe('/alarms?show=all&priority=high'));
  expect(screen.getByRole('button', { name: 'High' })).toHaveAttribute('aria-pressed', 'true');
  act(() => app.router.history.back());
  await waitFor(() => expect(app.address()).toBe('/alarms?priority=high'));
  expect(screen.getByRole('button', { name: 'Active' })).toHaveAttribute('aria-pressed', 'true');
  act(() => app.router.history.back());
  await waitFor(() => expect(app.address()).toBe('/alarms'));
  expect(app.router.history.canGoBack()).toBe(false);
});
