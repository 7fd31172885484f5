import { screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { me, openConsole } from '../testing-app';

/** What home says of one's own proposals, and no more than was read. */

const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'prescriber' as const }] };
const order = (id: string, state: Order['state'], part: Partial<Order> = {}) => ({
  id, site: '1', pump: '1', state, act: 'settings', proposer: { id: who.id, login: who.login, name: who.name }, approvals: [], blind: false, mismatches: 0, document: null, created_at: new Date().toISOString(),
  proposed_at: new Date().toISOString(), closed_at: null, detail: '', ...part,
}) as unknown as Order;

async function card(open: Order[], ended: Order[], next: string | null = null) {
  openConsole('/', { me: who, answers: { 'GET /orders': (query) => ({ body: query.has('open') ? { items: open, next: null } : query.getAll('state').join().includes('stale') ? { items: ended, next } : { items: [], next: null } }) } });
  return within(await screen.findByRole('region', { name: 'Your proposals' }));
}

test('one that waits for one’s own signature is with nobody else', async () => {
  const c = await card([order('5', 'proposed')], []);
  expect(await c.findByText('None is with others, came back or ended without effect in the last 7 days.')).toBeVisible();
});
test('of more that ended than were read it says how many were', async () => {
  const others = Array.from({ length: 100 }, (_, i) => order(String(i + 10), 'stale', { proposer: { id: '99', login: 'x', name: 'X' } }));
  const c = await card([], others, '10');
  expect(await c.findByText('None is with others, came back or ended without effect in the last 7 days (of the newest 100 that ended).')).toBeVisible();
});
test('and beside the number of one’s own that did', async () => {
  const c = await card([], [order('5', 'stale', { closed_at: new Date().toISOString() as Order['closed_at'] })], '5');
  expect(await c.findByText('1 ended without effect in the last 7 days (of the newest 1 that ended)')).toBeVisible();
});
test('one that came back says until when it can be taken up', async () => {
  const c = await card([order('5', 'draft', { mismatches: 3, expires_at: '2099-03-31T10:00:00.000Z' as Order['expires_at'] })], []);
  expect(await c.findByText(/can be taken up until/)).toHaveTextContent(/can be taken up until .*31/);
});
