import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { OrderChange } from '../feed/frames';
import { OrderNews } from '../feed/ordernews';
import { watchOrders } from './OrderWatch';

/** What is read again when something happens to an order: that order and its pump, lists, and nothing that somebody is typing by. */

const keys = [
  ['orders', 'one', '7'], ['orders', 'one', '8'], ['orders', 'history', '7'], ['orders', 'news', '8'], ['orders', 'therapy', '1'], ['orders', 'therapy', '2'], ['orders', 'letters', '1'], ['orders', 'trends', '1'], ['orders', 'trends', '2'], ['orders', 'list', '1'], ['orders', 'asked'], ['orders', 'reviews'],
  ['orders', 'form', '7', 3], ['orders', 'check', 'x'], ['orders', 'plan', 'x'], ['orders', 'patients', '1'], ['orders', 'destinations', '1'], ['libraries'], ['pump', '1'],
];
const change = (part: Partial<OrderChange>): OrderChange => ({ id: '7', pump: '1', site: '1', state: 'proposed', code: null, letter: null, ...part }) as OrderChange;

let queries: QueryClient;
let news: OrderNews;
let stop: () => void;
const stale = () => keys.filter((k) => queries.getQueryState(k)!.isInvalidated).map((k) => k.join(' '));

beforeEach(() => {
  vi.useFakeTimers();
  queries = new QueryClient();
  for (const k of keys) queries.setQueryData(k, 'read');
  news = new OrderNews();
  stop = watchOrders(news, queries);
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

describe('watching orders', () => {
  test('one order and its pump, and every list', () => {
    news.tell(change({}));
    expect(stale()).toEqual([]);
    vi.advanceTimersByTime(60);
    expect(stale()).toEqual(['orders one 7', 'orders history 7', 'orders therapy 1', 'orders letters 1', 'orders trends 1', 'orders list 1', 'orders asked', 'orders reviews']);
  });

  test('several changes are one reading', () => {
    const asked = vi.spyOn(queries, 'invalidateQueries');
    news.tell(change({ id: '7', pump: '1' }));
    vi.advanceTimersByTime(30);
    news.tell(change({ id: '8', pump: '2' }));
    vi.advanceTimersByTime(30);
    expect(asked).toHaveBeenCalledTimes(1);
    expect(stale()).toEqual(expect.arrayContaining(['orders one 7', 'orders one 8', 'orders news 8', 'orders therapy 2']));
    // And what comes afterwards is read again.
    news.tell(change({}));
    vi.advanceTimersByTime(60);
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test('a stop is of no order: its pump and the lists', () => {
    news.tell(change({ id: null, letter: 'stop' } as Partial<OrderChange>));
    vi.advanceTimersByTime(60);
    expect(stale()).toEqual(['orders therapy 1', 'orders letters 1', 'orders trends 1', 'orders list 1', 'orders asked', 'orders reviews']);
  });

  test('when something was missed, everything of orders, and only that', () => {
    news.lose();
    vi.advanceTimersByTime(60);
    expect(stale()).toEqual(keys.filter((k) => k[0] === 'orders').map((k) => k.join(' ')));
    // The next change is one of its own again.
    for (const k of keys) queries.setQueryData(k, 'read');
    news.tell(change({}));
    vi.advanceTimersByTime(60);
    expect(stale()).not.toContain('orders one 8');
  });

  test('after its end nothing is read', () => {
    news.tell(change({}));
    stop();
    vi.advanceTimersByTime(600);
    news.tell(change({}));
    vi.advanceTimersByTime(600);
    expect(stale()).toEqual([]);
  });
});
