import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { alarmRow, pumpRow } from '../testing';
import { hello, me, openConsole, TestSocket } from '../testing-app';
import { timeLeft } from './VisitBanner';

const visit = { patient: '3', token: 'P-AAAA-BBBB', pump: '1', pump_serial: 'TV-1001', left_seconds: 3600 };

test('the time left is in minutes, and in seconds near the end', () => {
  expect([3_600_000, 3_541_000, 121_000, 120_000, 61_000, 1, -5].map(timeLeft)).toEqual(['60 min', '60 min', '3 min', '2:00', '1:01', '0:01', '0:00']);
});

test('a visit is said on every screen, narrows where one can go, and ends', async () => {
  const app = openConsole('/alarms', { me: { ...me, visit }, pumps: [pumpRow({ id: '1', serial: 'TV-1001' })], answers: { 'DELETE /session/visit': { status: 204 } } });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  const banner = await screen.findByRole('region', { name: 'Visit' });
  expect(banner).toHaveTextContent('Visit of patient P-AAAA-BBBB, pump TV-1001');
  expect(within(banner).getByRole('timer')).toHaveTextContent('60 min left');
  const names = () => within(screen.getAllByRole('navigation', { name: 'Main' })[0]!).getAllByRole('link').map((l) => l.title).filter(Boolean);
  expect(names()).toEqual(['Home', 'Alarms', 'Orders', 'Help']);
  app.server.me = me;
  await userEvent.setup({ delay: null }).click(within(banner).getByRole('button', { name: 'End visit' }));
  await waitFor(() => expect(screen.queryByRole('region', { name: 'Visit' })).not.toBeInTheDocument());
  expect(names()).toContain('Fleet');
  // Nothing that was read for one pump is taken for the whole: pumps and alarms are read again.
  const read = (path: string) => app.server.requests.filter((r) => r.method === 'GET' && r.path.startsWith(path)).length;
  await waitFor(() => expect([read('/pumps'), read('/alarms?state=active')]).toEqual([2, 2]));
});

test('what was typed survives the end of a visit', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  try {
    const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
    const app = openConsole('/alarms', { me: { ...me, visit: { ...visit, left_seconds: 600 } }, alarms: [alarmRow({ id: '5', priority: 'high', title: 'Motor stall' })] });
    await waitFor(() => expect(TestSocket.all).toHaveLength(1));
    act(hello);
    await user.click((await screen.findAllByRole('button', { name: /Acknowledge/ }))[0]!);
    await user.type(await screen.findByLabelText('What is being done'), 'On my way');
    app.server.me = me;
    await act(() => vi.advanceTimersByTimeAsync(602_000));
    await waitFor(() => expect(screen.queryByRole('timer')).not.toBeInTheDocument());
    expect(screen.getByLabelText('What is being done')).toHaveValue('On my way');
  } finally {
    vi.useRealTimers();
  }
});

test('when its time has passed, the server is asked whether it is over', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  try {
    const app = openConsole('/alarms', { me: { ...me, visit: { ...visit, left_seconds: 30 } } });
    expect(await screen.findByRole('timer')).toHaveTextContent(/0:\d\d left/);
    app.server.me = me;
    await act(() => vi.advanceTimersByTimeAsync(32_000));
    await waitFor(() => expect(screen.queryByRole('timer')).not.toBeInTheDocument());
  } finally {
    vi.useRealTimers();
  }
});
