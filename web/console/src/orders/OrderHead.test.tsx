import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { pumpRow } from '../testing';
import { me, openConsole } from '../testing-app';
import './OrderPage';
import { library, pump } from './testing-therapy';

/** The head of an order says whom it was proposed for, whoever has the pump today. */

const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'prescriber' as const }] };
const order = (part: Partial<Order>) => ({
  id: '5', rev: 1, site: '1', pump: '1', state: 'withdrawn', act: 'settings', patient: null, proposer: { id: '99', login: 'x', name: 'Ida Vance' }, approvals: [], blind: false, mismatches: 0, document: null, wish: null,
  finding: { refusals: [], notices: [], people: 2 }, created_at: '2026-03-01T10:00:00.000Z', proposed_at: '2026-03-01T10:00:00.000Z', expires_at: '2099-03-31T10:00:00.000Z', closed_at: null, code: null, detail: null, remedy: null, hash: null,
  replaces: null, contradicted: false, pump_told: true, rewrites: [], verifiers: [], asked: null, asked_all: [], asked_until: null, escalated: 0, released_at: null, may_apply_until: null, ...part,
}) as unknown as Order;

async function head(o: Order) {
  const row = pumpRow({ id: '1', serial: 'HX0001' });
  openConsole('/orders/5', {
    me: who, pumps: [row],
    answers: {
      'GET /orders/5': { body: o }, 'GET /orders/5/history': { body: { events: [], letters: [] } }, 'GET /pumps/1': { body: { ...row, keys: [], gaps: [], label: 'Ward 3', patient: 'P-NOW' } },
      'GET /pumps/1/therapy': { body: pump() }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    },
  });
  return (await screen.findByText('Ward 3')).closest('header')!;
}

test('the patient of an order that is over is the one it was for', async () => {
  const at = await head(order({ patient: 'P-THEN' as Order['patient'] }));
  expect(at).toHaveTextContent('Patient P-THEN');
  expect(at).not.toHaveTextContent('P-NOW');
});
test('an order for nobody names nobody, and what a pump is called is no patient', async () => {
  expect(await head(order({}))).not.toHaveTextContent('Patient');
});
test('a draft is for whom the pump is in', async () => {
  expect(await head(order({ state: 'draft' }))).toHaveTextContent('Patient P-NOW');
});
