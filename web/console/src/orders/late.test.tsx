import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { serverNow } from '../units/clock';
import { lateBy } from './late';
import { AwayPanel } from './ReleasePanel';

const now = Date.parse('2026-05-08T09:00:00Z');
const ago = (ms: number, from = now) => new Date(from - ms).toISOString() as Order['released_at'];

test.each([
  ['sent', 299_999, null], ['sent', 300_000, 5], ['released', 719_000, 11], ['applied', 900_000, null], ['approved', 900_000, null],
] as const)('%s, released %d ms ago: late by %s minutes', (state, ms, want) => {
  expect(lateBy({ state, released_at: ago(ms) }, now)).toBe(want);
});
test('what was never released is not late', () => {
  expect(lateBy({ state: 'sent', released_at: null }, now)).toBeNull();
});

const sent = (ms: number) => ({ id: '7', state: 'sent', released_at: ago(ms, serverNow()), may_apply_until: new Date(serverNow() + 600_000).toISOString() }) as unknown as Order;

test('a release that is not answered says so as an alarm does, and what to do', () => {
  render(<AwayPanel order={sent(400_000)} />);
  expect(screen.getByRole('alert')).toHaveTextContent('Not confirmed for 6 min');
  expect(screen.getByRole('alert')).toHaveTextContent('Nobody knows which of the two the pump runs.');
});
test('one that has not left changed nothing: what ran before runs on', () => {
  render(<AwayPanel order={{ ...sent(400_000), state: 'released' }} />);
  expect(screen.getByRole('alert')).toHaveTextContent(/Not confirmed for 6 min It has not left yet; what ran before runs on\./);
  expect(screen.queryByText(/Nobody knows/)).toBeNull();
});
test('one that was just released does not', () => {
  render(<AwayPanel order={sent(60_000)} />);
  expect(screen.queryByRole('alert')).toBeNull();
});
