import { screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import { axis, passed } from '../chart/strip';
import { pumpRow } from '../testing';
import { openConsole, type TestServer } from '../testing-app';
import { dosesOf, firmwareOf, type Mark, placed } from './marks';
import './LiveTab';

const from = Date.parse('2026-03-01T10:00:00Z');
const minute = (n: number) => new Date(from + n * 60_000).toISOString();

const letter = (id: string, part: object) => ({
  id, kind: 'release', order: '12', counter: '1', by: { id: '7', login: 'anna', name: 'Anna Keller' }, at: minute(1), not_after: minute(9), state: 'applied', reason: '', overdose: false,
  sent_at: minute(2), answered_at: minute(3), code: 'APPLIED', remedy: null, failed: false, envelope: '', ...part,
}) as Parameters<typeof dosesOf>[0][number];
const hello = (id: string, at: string, firmware?: object[]) => ({
  id, kind: 'audit', group: 'link', by: 'pump', code: 'pump.hello', title: 'Pump reported in', detail: null, at, device_at: null, received_at: at, priority: null, actor: 'device:C-1', meaning: null, signer: null, ...(firmware ? { firmware } : {}),
}) as Parameters<typeof firmwareOf>[0][number];
const change = (part: string, was: string, is: string) => ({ part, was, is });

const letters = [
  letter('5', { kind: 'stop', order: null, answered_at: minute(40) }),
  letter('4', { order: '14', state: 'sent', answered_at: null }),
  letter('3', { order: '13', state: 'refused', answered_at: minute(20) }),
  letter('2', { kind: 'withdraw', order: '11', answered_at: minute(15) }),
  letter('1', {}),
];
const helloes = [hello('audit-9', minute(30), [change('pump', '1.0.0', '1.1.0'), change('communicator', '2.0.0', '2.1.0')]), hello('audit-8', minute(10))];

test('a dose is what the pump’s own answer says that it applied, at the moment of the answer', () => {
  expect(dosesOf(letters).map((m) => [m.text, m.short, m.order, new Date(m.at).toISOString()])).toEqual([
    ['Stop applied', 'stop', null, minute(40)], ['Order 12 applied', '12', '12', minute(3)],
  ]);
});

test('a change of firmware says what it was and what it is, of the pump and of its communicator', () => {
  expect(firmwareOf(helloes).map((m) => [m.text, m.short, new Date(m.at).toISOString()])).toEqual([
    ['Pump firmware 1.1.0, was 1.0.0', '1.1.0', minute(30)], ['Communicator firmware 2.1.0, was 2.0.0', '2.1.0', minute(30)],
  ]);
});

test('marks that cannot be told apart are one, and a word stands where there is room for it', () => {
  const mark = (at: number, short = '12'): Mark => ({ id: String(at), at, kind: 'dose', short, text: '', order: null });
  const put = (marks: Mark[], width = 300) => placed(marks, 0, width, width).map((p) => [p.left, p.word, p.side]);
  expect(put([mark(100)])).toEqual([[100, '12', 'right']]);
  expect(put([mark(100), mark(105), mark(200)])).toEqual([[100, '2 ×', 'right'], [200, '12', 'right']]);
  // No room to the right of the first, and none at all for the one between two.
  expect(put([mark(120), mark(100), mark(140)])).toEqual([[100, '12', 'left'], [120, '12', null], [140, '12', 'right']]);
  // At the end of the lane the word stands before its sign, at its begin nowhere but behind it.
  expect(put([mark(295)])).toEqual([[295, '12', 'left']]);
  expect(put([mark(5), mark(25)])).toEqual([[5, '12', null], [25, '12', 'right']]);
});

test('the cursor of a strip passes a moment at the first reading after it, also behind a hole', () => {
  const a = axis([1000, 2000, 9000], [{ from: 2500, to: 8500 }]);
  const at = (...all: number[]) => all.map((x) => ({ at: x }));
  expect(a.index).toEqual([0, 1, -1, 2]);
  expect(passed(a, 0, at(500, 1500))).toEqual(at(500));
  expect(passed(a, 1, at(2000, 1000, 2001))).toEqual(at(2000));
  expect(passed(a, 3, at(8000, 2001, 9001))).toEqual(at(2001, 8000));
});

const columns = { at: [0, 20, 40, 60].map((n) => from + n * 60_000), n: [1, 1, 1, 1], run: [], sensed_nl: [], delivered_nl: [], pressure_pa: [], reservoir_nl: ['9000000', '8000000', '7000000', '6000000'], rate_nl_day: ['1', '1', '1', '1'], battery_mv: [2900, 2900, 2900, 2900], temperature_mc: [37_000, 37_000, 37_000, 37_000] };
const series = { resolution: 'raw', from: minute(0), to: minute(60), width_s: 0, columns, gaps: [] };

const open = (answers: TestServer['answers']) => openConsole(`/pumps/1?from=${from}&to=${from + 3_600_000}`, {
  pumps: [pumpRow({ id: '1' })],
  answers: { 'GET /pumps/1/telemetry': { body: series }, 'GET /pumps/1/letters': { body: { items: letters, connected: true, heard_at: null } }, 'GET /pumps/1/timeline': { body: { items: helloes, next: null } }, ...answers },
});

describe('the charts', () => {
  test('have doses and firmware in words, newest first, each with its exact time and its order', async () => {
    const app = open({});
    const list = await screen.findByRole('list', { name: 'Doses and firmware in this window' });
    await within(list).findByText('Pump firmware 1.1.0, was 1.0.0');
    expect(within(list).getAllByRole('listitem').map((li) => li.textContent!.replace(/2026.*/, ''))).toEqual(['Stop applied', 'Pump firmware 1.1.0, was 1.0.0', 'Communicator firmware 2.1.0, was 2.0.0', 'Order 12 applied']);
    for (const li of within(list).getAllByRole('listitem')) expect(li).toHaveTextContent(/2026-03-01 \d\d:\d\d:\d\d \S+$/);
    expect(within(list).getByRole('link', { name: 'Order 12 applied' })).toHaveAttribute('href', '/orders/12');
    expect(within(list).getByRole('link', { name: 'Stop applied' })).toHaveAttribute('href', '/pumps/1?tab=therapy');
    expect(app.server.requests.find((r) => r.path.startsWith('/pumps/1/timeline?'))!.path).toContain('kinds=audit&groups=link&by=pump');
  });

  test('say with the arrow keys what has changed since the reading before', async () => {
    const user = userEvent.setup({ delay: null });
    open({});
    await screen.findByText('Pump firmware 1.1.0, was 1.0.0');
    const strip = await screen.findByRole('figure', { name: 'Reservoir' });
    within(strip).getByRole('application').focus();
    const said = () => within(strip).getByRole('status').textContent;
    await user.keyboard('{End}');
    expect(said()).toMatch(/: 6\.00 mL$/);
    await user.keyboard('{ArrowLeft}');
    expect(said()).toMatch(/: 7\.00 mL\. Pump firmware 1\.1\.0, was 1\.0\.0\. Communicator firmware 2\.1\.0, was 2\.0\.0\. Stop applied$/);
  });

  test('show what is outside of the window nowhere', async () => {
    open({ 'GET /pumps/1/letters': { body: { items: [letter('1', { answered_at: minute(61) }), letter('2', { order: '9', answered_at: minute(59) })], connected: true, heard_at: null } }, 'GET /pumps/1/timeline': { body: { items: [], next: null } } });
    const list = await screen.findByRole('list', { name: 'Doses and firmware in this window' });
    expect(within(list).getAllByRole('link').map((l) => l.textContent)).toEqual(['Order 9 applied']);
  });

  test('say which of it could not be read', async () => {
    open({ 'GET /pumps/1/letters': { status: 500, body: { title: 'No' } }, 'GET /pumps/1/timeline': { status: 500, body: { title: 'No' } } });
    expect(await screen.findByText('The doses over the charts are missing:')).toBeInTheDocument();
    expect(await screen.findByText('The versions of firmware over the charts are missing:')).toBeInTheDocument();
  });

  test('read on to the begin of the window, and say from when on there are marks if there are too many', async () => {
    const app = open({ 'GET /pumps/1/timeline': (q) => ({ body: { items: [hello(`audit-${q.get('before') ?? 0}`, minute(50))], next: String(Number(q.get('before') ?? 0) + 1) } }) });
    expect(await screen.findByText(/^Doses and firmware are marked from 2026-03-01 \d\d:50:00 \S+ on/)).toBeInTheDocument();
    expect(app.server.requests.filter((r) => r.path.includes('kinds=audit'))).toHaveLength(10);
  });

  test('have the pressure in the catheter of a pump that measures it, and a hole where it did not', async () => {
    const user = userEvent.setup({ delay: null });
    open({ 'GET /pumps/1/telemetry': { body: { ...series, columns: { ...columns, pressure_pa: [1500, 1520, 0, 98_765] } } } });
    const strip = await screen.findByRole('figure', { name: 'Catheter pressure' });
    within(strip).getByRole('application').focus();
    await user.keyboard('{End}');
    expect(within(strip).getByRole('status')).toHaveTextContent(/: 98\.77 kPa/);
    await user.keyboard('{ArrowLeft}');
    expect(within(strip).getByRole('status')).toHaveTextContent(/: – kPa/);
  });

  test('have no strip for a pressure that is not measured', async () => {
    open({ 'GET /pumps/1/telemetry': { body: { ...series, columns: { ...columns, pressure_pa: [0, 0, 0, 0] } } } });
    await screen.findByRole('figure', { name: 'Battery' });
    expect(screen.queryByRole('figure', { name: 'Catheter pressure' })).toBeNull();
  });
});
