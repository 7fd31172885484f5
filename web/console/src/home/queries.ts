import { queryOptions } from '@tanstack/react-query';
import { api } from '../api/client';
import { devices } from '../api/devices';
import { orders } from '../api/orders';

/** What the cards of home ask the server. None is tried again by itself before it has said that it failed: each card fails alone. */
export const openOrders = queryOptions({ queryKey: ['orders', 'open'], queryFn: async () => ({ items: await orders.allOpen() }), refetchInterval: 5_000, retry: false });
export const refusedOrders = queryOptions({ queryKey: ['orders', 'refused'], queryFn: () => orders.list({ state: ['refused'], limit: 50 }), refetchInterval: 15_000, retry: false });
export const endedOrders = queryOptions({ queryKey: ['orders', 'ended'], queryFn: () => orders.list({ state: ['stale', 'expired'], limit: 100 }), refetchInterval: 15_000, retry: false });
export const openReviews = queryOptions({ queryKey: ['orders', 'reviews'], queryFn: () => orders.reviews(true), refetchInterval: 15_000, retry: false });
export const recallsQuery = queryOptions({ queryKey: ['recalls'], queryFn: devices.recalls, refetchInterval: 30_000, retry: false });
export const statusQuery = queryOptions({ queryKey: ['status'], queryFn: api.status, refetchInterval: 10_000, retry: false });
export const checkpointQuery = queryOptions({ queryKey: ['checkpoint'], queryFn: api.checkpoint, refetchInterval: 10_000, retry: false });
export const codesQuery = queryOptions({ queryKey: ['codes'], queryFn: api.codes, refetchInterval: 15_000, retry: false });
export const eventsQuery = queryOptions({ queryKey: ['events', 'tail'], queryFn: () => api.events({ tail: 10 }), refetchInterval: 10_000, retry: false });
