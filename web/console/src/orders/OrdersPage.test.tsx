import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import type { Order, OrderState } from '../api/orders';
import { me, openConsole } from '../testing-app';
import './OrdersPage';

const order = (id: number, state: OrderState) => ({
  id: String(id), act: 'program', site: '1', pump: '1', document: null, wish: null, blind: false, proposer: { id: '8', name: 'Otto Brandt' }, state, approvals: [], finding: { people: 2 },
  expires_at: '2099-01-01T00:00:00.000Z', created_at: '2026-03-01T10:00:00.000Z', proposed_at: '2026-03-01T10:00:00.000Z', code: null, detail: '', rewrites: [], verifiers: [], asked: null,
}) as unknown as Order;

/** Orders as the server lists them: newest first, by state, a page at a time. */
function listed(all: readonly Order[]) {
  return (q: URLSearchParams) => {
    const states = q.getAll('state').flatMap((s) => s.split(','));
    const open = ['draft', 'proposed', 'verified', 'approved', 'released', 'sent', 'received'];
    const of = all.filter((o) => (q.get('open') !== 'true' || open.includes(o.state)) && (states.length === 0 || states.includes(o.state)) && (!q.get('before') || Number(o.id) < Number(q.get('before'))));
    const items = of.toSorted((a, b) => Number(b.id) - Number(a.id)).slice(0, Number(q.get('limit')));
    return { body: { items, next: items.length === Number(q.get('limit')) ? items.at(-1)!.id : null } };
  };
}

const verifier = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'verifier' as const }] };
const answers = (all: readonly Order[]) => ({
  'GET /orders': listed(all), 'GET /order-drafts': { body: { items: [] } }, 'GET /order-reviews': { body: { items: [] } }, 'GET /libraries': { body: { items: [] } },
});

test('an order that waits is found behind any number of newer ones, and those that are over come as one asks for them', async () => {
  const user = userEvent.setup({ delay: null });
  const over = Array.from({ length: 101 }, (_, i) => order(1000 + i, 'applied'));
  openConsole('/orders', { me: verifier, answers: answers([order(7, 'proposed'), ...over]) });
  const waiting = await screen.findByRole('list', { name: 'Waiting for you' });
  expect(within(waiting).getByRole('link', { name: 'New program, order 7' })).toBeInTheDocument();
  expect(screen.queryByText('Nothing waits for you.')).not.toBeInTheDocument();
  expect(within(screen.getByRole('list', { name: 'Over' })).getAllByRole('listitem')).toHaveLength(50);
  await user.click(screen.getByRole('button', { name: 'Load older' }));
  await waitFor(() => expect(within(screen.getByRole('list', { name: 'Over' })).getAllByRole('listitem')).toHaveLength(100));
});

test('an order that waits is found behind 200 newer ones that are open too', async () => {
  const others = Array.from({ length: 200 }, (_, i) => order(1000 + i, 'sent'));
  openConsole('/orders', { me: verifier, answers: answers([order(7, 'proposed'), ...others]) });
  expect(within(await screen.findByRole('list', { name: 'Waiting for you' })).getAllByRole('listitem')).toHaveLength(1);
});

test('an order stands with whom it was for, whoever has the pump today', async () => {
  const all = [{ ...order(7, 'applied'), patient: 'P-7Q2M-000B' }, { ...order(8, 'proposed'), act: 'bind' as const, blind: true, patient: null }];
  openConsole('/orders', { me: verifier, answers: { ...answers(all), 'GET /pumps/1': { body: { id: '1', serial: 'HX0001', patient: 'P-AAAA-2222' } } } });
  const line = async (id: number) => (await screen.findByRole('link', { name: new RegExp(`, order ${id}$`) })).closest('li')!;
  await waitFor(async () => expect(await line(7)).toHaveTextContent('HX0001 · patient P-7Q2M-000B'));
  expect(await line(8)).not.toHaveTextContent('patient P-');
});
