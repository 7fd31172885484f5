import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test, vi } from 'vitest';
import { hello, openConsole, TestSocket } from '../testing-app';
import { alarmRow, pumpRow } from '../testing';

const fleet = () => [
  pumpRow({ id: '1', label: 'Bed 1', patient: 'P-7Q2M-000B', last_data: new Date().toISOString() }),
  pumpRow({ id: '2', presence: 'offline', last_data: new Date(Date.now() - 3 * 3_600_000).toISOString() }),
  pumpRow({ id: '3', alarms: { high: 1, medium: 0, low: 0 }, top_alarm: { code: 'MOTOR_STALL', title: 'Motor stall', priority: 'high' } }),
];

async function open(path = '/fleet', part: Parameters<typeof openConsole>[1] = {}) {
  const app = openConsole(path, { pumps: fleet(), ...part });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  return app;
}

const serials = () => screen.getAllByRole('row').slice(1).map((r) => within(r).getByText(/^HX\d+$/).textContent);

describe('states', () => {
  test('loading: the frame of the table, nothing that could be read as a number', async () => {
    openConsole('/fleet', { answers: { 'GET /pumps': 'hang' } });
    expect(await screen.findByText('Loading the fleet…')).toBeInTheDocument();
    // In the page itself: the clock of the frame may well begin with a zero.
    expect(within(screen.getByRole('main')).queryByText(/^0/)).not.toBeInTheDocument();
    expect(screen.getByRole('link', { name: /^High alarms: not read yet/ })).toHaveTextContent('…');
  });

  test('empty: says how to begin', async () => {
    await open('/fleet', { pumps: [] });
    expect(await screen.findByText('No pumps yet')).toBeInTheDocument();
  });

  test('error: what happened, in the words of the server, and a way on', async () => {
    const app = openConsole('/fleet', { pumps: fleet(), answers: { 'GET /pumps': { status: 503, body: { title: 'The database is not reachable', detail: 'Try again in a minute.' } } } });
    const alert = await screen.findByText('The fleet could not be read.');
    expect(alert.parentElement).toHaveTextContent('The database is not reachable');
    delete app.server.answers['GET /pumps'];
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText('HX0001')).toBeInTheDocument();
  });

  test('stale: the last values stay, a banner says since when, counts are not current', async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    try {
      await open('/fleet', { alarms: [alarmRow({ id: 'a', priority: 'high', pump: '3' })] });
      await screen.findByText('HX0001');
      await waitFor(() => expect(screen.getByRole('link', { name: '1 high alarm' })).toBeInTheDocument());
      act(() => TestSocket.all[0]!.onclose!({ code: 1006 }));
      await act(() => vi.advanceTimersByTimeAsync(4000));
      expect(screen.getByText(/^Not live since \d\d:\d\d:\d\d\.$/)).toBeInTheDocument();
      expect(screen.getByText('HX0001')).toBeInTheDocument();
      expect(screen.getByRole('link', { name: '1 high alarm, not current' })).toBeInTheDocument();
      expect(screen.getAllByText('not current').length).toBeGreaterThan(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('no match: names the filter as the cause and clears it', async () => {
    const app = await open('/fleet?q=zebra');
    expect(await screen.findByText('No pump matches this filter')).toBeInTheDocument();
    await userEvent.click(screen.getByRole('button', { name: 'Clear the filter' }));
    expect(await screen.findByText('HX0001')).toBeInTheDocument();
    expect(app.address()).toBe('/fleet');
  });
});

describe('rows', () => {
  test('the grid tells how many there are and where each is', async () => {
    await open();
    const grid = await screen.findByRole('grid', { name: 'Pumps' });
    expect(grid).toHaveAttribute('aria-rowcount', '4');
    expect(screen.getAllByRole('row').map((r) => r.getAttribute('aria-rowindex'))).toEqual(['1', '2', '3', '4']);
  });

  test('the worst alarm comes first', async () => {
    await open();
    await screen.findByRole('grid');
    expect(serials()).toEqual(['HX0003', 'HX0002', 'HX0001']);
  });

  test('a value of a pump that is not online is struck through and says so', async () => {
    await open();
    const row = (await screen.findByText('HX0002')).closest('[role="row"]') as HTMLElement;
    const reservoir = within(row).getByText('12.34');
    expect(reservoir.tagName).toBe('S');
    expect(within(row).getAllByText(/not current, 3 h 00 old/).length).toBeGreaterThan(0);
    const fresh = (screen.getByText('HX0001')).closest('[role="row"]') as HTMLElement;
    expect(within(fresh).getByText(/12\.34/).tagName).not.toBe('S');
  });

  test.each(['/fleet?rows=dense', '/fleet'])('how old the values of such a pump are can be read, %s', async (path) => {
    await open(path);
    const row = (await screen.findByText('HX0002')).closest('[role="row"]') as HTMLElement;
    expect(row.querySelector('[data-key="heard"]')).toHaveTextContent(/data 3 h 00/);
  });

  test('nothing is forecast from old values', async () => {
    await open('/fleet?cols=pump,low_in');
    const cell = async (serial: string) => (await screen.findByText(serial)).closest('[role="row"]')!.querySelector('[data-key="low_in"]')!;
    expect(await cell('HX0001')).toHaveTextContent(/5\d d/);
    expect(await cell('HX0002')).toHaveTextContent(/^–/);
    expect((await cell('HX0002')).querySelector('.struck')).toHaveTextContent('at 0.2');
  });

  test('whom a pump is in is a column of choice, and changes in place', async () => {
    const first = await open();
    await screen.findByText('HX0001');
    expect(screen.queryByRole('columnheader', { name: /Patient/ })).not.toBeInTheDocument();
    first.view.unmount();
    await open('/fleet?cols=pump,patient');
    const cell = async (serial: string) => (await screen.findByText(serial)).closest('[role="row"]')!.querySelector('[data-key="patient"]')!;
    expect(await cell('HX0001')).toHaveTextContent(/^P-7Q2M-000B$/);
    expect(await cell('HX0002')).toHaveTextContent(/^–$/);
    act(() => TestSocket.all[0]!.send({ t: 'delta', prev: 10, rev: 11, rows: [{ id: '1', patient: null }, { id: '2', patient: 'P-7Q2M-000B' }] }));
    expect(await cell('HX0001')).toHaveTextContent(/^–$/);
    expect(await cell('HX0002')).toHaveTextContent(/^P-7Q2M-000B$/);
  });

  test('a delta changes the cell in place', async () => {
    await open();
    await screen.findByText('HX0001');
    act(() => TestSocket.all[0]!.send({ t: 'delta', prev: 10, rev: 11, rows: [{ id: '1', reservoir_nl: '7654321' }] }));
    const row = screen.getByText('HX0001').closest('[role="row"]') as HTMLElement;
    expect(within(row).getByText(/7\.65/)).toBeInTheDocument();
  });
});

describe('order', () => {
  test('it stands still while the focus is in the table and offers to be brought up to date', async () => {
    const user = userEvent.setup({ delay: null });
    await open('/fleet?sort=reservoir');
    await screen.findByRole('grid');
    const before = serials();
    act(() => (screen.getAllByRole('row')[1] as HTMLElement).focus());
    const last = before.at(-1)!;
    act(() => TestSocket.all[0]!.send({ t: 'delta', prev: 10, rev: 11, rows: [{ id: String(Number(last.slice(2))), reservoir_nl: '1' }] }));
    expect(await screen.findByText('1 row would move', {}, { timeout: 3000 })).toBeInTheDocument();
    expect(serials()).toEqual(before);
    await user.click(screen.getByRole('button', { name: 'Update order' }));
    expect(serials()[0]).toBe(last);
    expect(screen.queryByText(/would move/)).not.toBeInTheDocument();
  });

  test('it follows by itself when nobody is in the table', async () => {
    await open('/fleet?sort=reservoir');
    await screen.findByRole('grid');
    const last = serials().at(-1)!;
    act(() => TestSocket.all[0]!.send({ t: 'delta', prev: 10, rev: 11, rows: [{ id: String(Number(last.slice(2))), reservoir_nl: '1' }] }));
    await waitFor(() => expect(serials()[0]).toBe(last), { timeout: 3000 });
  });
});

describe('keyboard', () => {
  test('one tab stop, arrows move it, it belongs to the pump, Enter opens', async () => {
    const user = userEvent.setup({ delay: null });
    const app = await open();
    await screen.findByRole('grid');
    const rows = () => screen.getAllByRole('row').slice(1);
    expect(rows().filter((r) => r.tabIndex === 0)).toHaveLength(1);
    act(() => (rows()[0] as HTMLElement).focus());
    await user.keyboard('{ArrowDown}');
    expect(document.activeElement).toHaveAttribute('data-pump', '2');
    await user.keyboard('{End}');
    expect(document.activeElement).toHaveAttribute('data-pump', '1');
    await user.keyboard('{Home}{ArrowUp}');
    expect(document.activeElement).toHaveTextContent('Pump');
    await user.keyboard('{ArrowRight}');
    expect(document.activeElement).toHaveTextContent('Alarms');
    await user.keyboard('{ArrowDown}');
    expect(document.activeElement).toHaveAttribute('data-pump', '3');
    await user.keyboard('{Enter}');
    await waitFor(() => expect(app.address()).toBe('/pumps/3'));
  });

  test('"/" goes to the filter, and typing reaches the address', async () => {
    const user = userEvent.setup({ delay: null });
    const app = await open();
    await screen.findByRole('grid');
    await user.keyboard('/');
    const box = screen.getByLabelText('Filter by text');
    expect(box).toHaveFocus();
    await user.keyboard('hx0002');
    await waitFor(() => expect(serials()).toEqual(['HX0002']));
    expect(app.address()).toBe('/fleet?q=hx0002');
    expect(box).toHaveValue('hx0002');
  });

  test('a header sorts, again reverses, and says so', async () => {
    const user = userEvent.setup({ delay: null });
    const app = await open();
    await screen.findByRole('grid');
    await user.click(screen.getByRole('button', { name: 'Reservoir' }));
    expect(screen.getByRole('columnheader', { name: 'Reservoir' })).toHaveAttribute('aria-sort', 'ascending');
    await user.click(screen.getByRole('button', { name: 'Reservoir' }));
    expect(screen.getByRole('columnheader', { name: 'Reservoir' })).toHaveAttribute('aria-sort', 'descending');
    expect(app.address()).toBe('/fleet?sort=-reservoir');
  });
});
