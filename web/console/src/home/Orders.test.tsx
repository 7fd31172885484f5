import { screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { me, openConsole } from '../testing-app';

/** Which patient an order is for stands where somebody is asked to act on it. */

const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'verifier' as const }] };
const order = (id: string, part: Partial<Order>) => ({
  id, site: '1', pump: '1', state: 'proposed', act: 'program', patient: null, proposer: { id: '99', login: 'x', name: 'Ida Vance' }, approvals: [], blind: true, mismatches: 0, document: null, wish: null,
  created_at: new Date().toISOString(), proposed_at: new Date().toISOString(), closed_at: null, detail: '', code: null, finding: { people: 2 }, ...part,
}) as unknown as Order;

test('orders that wait name their patient, and a bind that is to be checked does not', async () => {
  const items = [order('5', { patient: 'P-7Q2M-000B' }), order('6', { act: 'bind' })];
  openConsole('/', { me: who, answers: { 'GET /orders': (query) => ({ body: { items: query.has('open') ? items : [], next: null } }) } });
  const card = within(await screen.findByRole('region', { name: 'Orders waiting for you' }));
  const lines = within(await card.findByRole('list', { name: 'Orders waiting for you, oldest first' })).getAllByRole('listitem');
  expect(lines.map((l) => /patient (\S+)/.exec(l.textContent!)?.[1])).toEqual(['P-7Q2M-000B', undefined]);
  expect(lines[0]).toHaveTextContent('by Ida Vance');
});
