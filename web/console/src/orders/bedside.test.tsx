import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { pumpRow } from '../testing';
import { me, openConsole } from '../testing-app';
import { serverNow } from '../units/clock';
import { hourMinute } from '../units/time';
import { bedsideWords, waitsThere } from './bedside';
import { lateBy } from './late';
import { AwayPanel } from './ReleasePanel';
import './OrderPage';
import './OrdersPage';
import '../pump/TherapyTab';
import { library, pump } from './testing-therapy';

/** An order that waits to be confirmed beside the patient says so, and until when, wherever it is shown. */

const now = Date.parse('2026-05-08T09:00:00Z');
const at = (ms: number, from = now) => new Date(from + ms).toISOString() as Order['bedside_until'];
const until = hourMinute(now + 240_000);

test.each([
  ['sent', 240_000, `Waits for confirmation at the bedside until ${until}`, true],
  ['released', 240_000, `Waits for confirmation at the bedside until ${until}`, true],
  ['sent', 0, `Was to be confirmed at the bedside by ${hourMinute(now)}; the pump has not said what came of it`, false],
  ['withdrawn', 240_000, `The pump still asks for it at the bedside until ${until}: do not confirm it there`, false],
  ['withdrawn', 0, null, false], ['approved', 240_000, null, false], ['applied', 240_000, null, false],
] as const)('%s, for %d ms more', (state, ms, words, waits) => {
  expect(bedsideWords({ state, bedside_until: at(ms) }, now)).toBe(words);
  expect(waitsThere({ state, bedside_until: at(ms) }, now)).toBe(waits);
});
test('a pump that says nothing of it waits for nothing', () => {
  expect(bedsideWords({ state: 'sent', bedside_until: null }, now)).toBeNull();
});
test('it is not late while it waits there, and is from then on', () => {
  const released = { state: 'sent', released_at: at(-360_000) } as const;
  expect(lateBy({ ...released, bedside_until: at(1) }, now)).toBeNull();
  expect(lateBy({ ...released, bedside_until: at(0) }, now)).toBe(6);
});

const later = () => at(240_000, serverNow());
const order = (part: Partial<Order>) => ({
  id: '5', rev: 1, site: '1', pump: '1', state: 'sent', act: 'program', patient: null, proposer: { id: '99', login: 'x', name: 'Ida Vance' }, approvals: [], blind: false, mismatches: 0, document: null, wish: null,
  finding: { refusals: [], notices: [], people: 2 }, created_at: '2026-03-01T10:00:00.000Z', proposed_at: '2026-03-01T10:00:00.000Z', expires_at: '2099-03-31T10:00:00.000Z', closed_at: null, code: null, detail: null, remedy: null, hash: null,
  replaces: null, contradicted: false, pump_told: true, asked: null, asked_all: [], asked_until: null, escalated: 0, released_at: at(-1_000, serverNow()), may_apply_until: at(600_000, serverNow()), bedside_since: at(-1_000, serverNow()), bedside_until: later(), ...part,
}) as unknown as Order;

test('what is on its way says who can let it take effect, and that nothing has changed', () => {
  render(<AwayPanel order={order({})} />);
  expect(screen.getByRole('heading', { name: 'At the bedside' })).toBeVisible();
  expect(screen.getByText(/What ran before runs on until they confirm it; if nobody does, the pump refuses it\./)).toBeVisible();
  expect(screen.queryByText(/sent again until the pump answers/)).toBeNull();
});

const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'nurse' as const }] };
const open = (path: string, o: Order) => {
  const row = pumpRow({ id: '1', serial: 'HX0001' });
  openConsole(path, {
    me: who, pumps: [row],
    answers: {
      'GET /orders': { body: { items: [o], next: null } }, 'GET /orders/5': { body: o }, 'GET /orders/5/history': { body: { events: [], letters: [] } }, 'GET /pumps/1': { body: { ...row, keys: [], gaps: [], label: '' } },
      'GET /pumps/1/therapy': { body: pump() }, 'GET /pumps/1/letters': { body: { items: [], connected: true, heard_at: null } }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    },
  });
};

test.each([['/orders/5'], ['/orders'], ['/pumps/1?tab=therapy']])('%s says until when the pump waits', async (path) => {
  const o = order({});
  open(path, o);
  const words = `Waits for confirmation at the bedside until ${hourMinute(Date.parse(o.bedside_until!))}`;
  expect((await screen.findAllByText((_, el) => el?.tagName === 'P' && el.textContent?.replace(/\.$/, '') === words))[0]).toBeVisible();
});
test('its page does not say that nothing is known of it', async () => {
  open('/orders/5', order({}));
  expect(await screen.findByText(/The pump has it and found it right\./)).toBeVisible();
  expect(screen.queryByText(/Nothing more is known/)).toBeNull();
});
