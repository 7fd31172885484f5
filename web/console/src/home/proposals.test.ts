import { expect, test } from 'vitest';
import type { Order } from '../api/orders';
import { proposalsOf } from './proposals';

const now = Date.parse('2026-05-08T09:00:00Z');
const order = (id: string, state: Order['state'], part: Partial<Order> = {}) => ({ id, state, proposer: { id: '2' }, closed_at: null, ...part }) as Order;

test('one hears of one’s own: what came back, what ended lately, and what others work on', () => {
  const all = [
    order('1', 'draft'), order('2', 'proposed'), order('3', 'verified'), order('4', 'stale', { closed_at: '2026-05-07T09:00:00Z' as Order['closed_at'] }), order('5', 'expired', { closed_at: '2026-04-30T09:00:00Z' as Order['closed_at'] }),
    order('6', 'expired', { closed_at: '2026-05-02T09:00:00Z' as Order['closed_at'] }), order('7', 'draft', { proposer: { id: '3' } as Order['proposer'] }), order('8', 'applied'), order('9', 'withdrawn'),
  ];
  const of = proposalsOf(all, '2', now, (o) => o.id === '3');
  expect([of.back, of.over, of.open].map((l) => l.map((o) => o.id))).toEqual([['1'], ['4', '6'], ['2']]);
});
