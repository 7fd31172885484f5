import { screen, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { partsOf } from '../orders/rows';
import { doc, library, pump } from '../orders/testing-therapy';
import { me, openConsole } from '../testing-app';
import './OldNew';

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

test('whoever is to enter an order blind reads the serial of its pump, and never the number that the server knows it by', async () => {
  openConsole('/', { me: who, answers: {
    'GET /orders': (query) => ({ body: { items: query.has('open') ? [order('5', { pump: '36' })] : [], next: null } }), 'GET /pumps/36': { body: { id: '36', serial: 'ME-RIDIAN-36' } },
  } });
  const card = within(await screen.findByRole('region', { name: 'Orders waiting for you' }));
  expect(await card.findByText('ME-RIDIAN-36')).toBeVisible();
  expect(card.queryByText(/pump 36/)).toBeNull();
});

describe('the doses that an order changes', () => {
  const signer = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'verifier' as const }] };
  const document = { ...doc('form: a program, for two people'), state: pump().state_hash };
  const waiting = order('7', { blind: false, document, hash: 'ab' as Order['hash'], bytes: 'x' as Order['bytes'] });
  const show = async (before: { status?: number; body: unknown }, o = waiting) => {
    openConsole('/', { me: signer, answers: {
      'GET /orders': (query) => ({ body: { items: query.has('open') ? [o] : [], next: null } }), 'GET /orders/7/before': before,
      'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    } });
    return within(await screen.findByRole('region', { name: 'Orders waiting for you' }));
  };

  test('stand with it, from what ran to what is asked for', async () => {
    const card = await show({ body: { before: pump() } });
    const change = await card.findByRole('list', { name: 'What order 7 changes' });
    const row = partsOf(document, pump(), library).find((p) => p.title === 'In a day')!.rows[0]!;
    expect(row.mark).toBe('changed');
    expect(within(change).getAllByRole('listitem')).toHaveLength(1);
    expect(change).toHaveTextContent(`${row.name}: ${row.old} → to ${row.now} ${row.change}`);
  });

  test('are what it asks for alone when another state was kept', async () => {
    const card = await show({ body: { before: { ...pump(), state_hash: '00' } } });
    const change = await card.findByRole('list', { name: 'What order 7 changes' });
    expect(change).not.toHaveTextContent('→');
    expect(change).toHaveTextContent(partsOf(document, null, library).find((p) => p.title === 'In a day')!.rows[0]!.now);
  });

  test('are not there for whoever is to enter them blind', async () => {
    const card = await show({ body: { before: pump() } }, order('7', { document, hash: 'ab' as Order['hash'] }));
    expect(await card.findByText(/order 7/)).toBeVisible();
    expect(card.queryByRole('list', { name: 'What order 7 changes' })).toBeNull();
  });
});
