import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { pumpRow } from '../testing';
import { me, openConsole } from '../testing-app';
import './OrderPage';
import { library, pump } from './testing-therapy';

/** An order that came back says until when it can be taken up, and one that nobody took up why it is over. */

const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'prescriber' as const }] };
const order = (part: Partial<Order>) => ({
  id: '5', rev: 1, site: '1', pump: '1', state: 'draft', act: 'settings', proposer: { id: who.id, login: who.login, name: who.name }, approvals: [], blind: false, mismatches: 3, document: null, wish: null, finding: { refusals: [], notices: [], people: 2 },
  created_at: '2026-03-01T10:00:00.000Z', proposed_at: '2026-03-01T10:00:00.000Z', expires_at: '2099-03-31T10:00:00.000Z', closed_at: null, code: null, detail: null, remedy: null, hash: null, replaces: null, contradicted: false, pump_told: false,
  rewrites: [], verifiers: [], asked: null, asked_all: [], asked_until: null, escalated: 0, released_at: null, may_apply_until: null, ...part,
}) as unknown as Order;

function open(o: Order) {
  const row = pumpRow({ id: '1', serial: 'HX0001' });
  openConsole('/orders/5', {
    me: who, pumps: [row],
    answers: {
      'GET /orders/5': { body: o }, 'GET /orders/5/history': { body: { events: [], letters: [] } }, 'GET /pumps/1': { body: { ...row, keys: [], gaps: [], label: '', patient: null } },
      'GET /pumps/1/therapy': { body: pump() }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    },
  });
}

test('one that came back can be taken up until its end', async () => {
  open(order({}));
  expect(await screen.findByText(/It can be taken up until/)).toHaveTextContent(/It can be taken up until .*2099.*; then it is discarded\./);
});
test('one that nobody took up says so', async () => {
  open(order({ state: 'withdrawn', pump_told: true, closed_at: '2026-03-31T10:00:00.000Z' as Order['closed_at'], detail: 'It came back, and its author did not take it up within 30 days' as Order['detail'] }));
  expect(await screen.findByText('It came back, and its author did not take it up within 30 days. Nothing of it is signed or sent.')).toBeVisible();
});
test('one that its author put away says that', async () => {
  open(order({ state: 'withdrawn', pump_told: true, closed_at: '2026-03-31T10:00:00.000Z' as Order['closed_at'] }));
  expect(await screen.findByText('Its author put it away. Nothing of it is signed or sent.')).toBeVisible();
});
