import { body, http } from './client';
import type { OnCall } from './orders';
import type { components } from './schema';

/** What sites learn from their orders, and who is on call to verify them. */
type Schemas = components['schemas'];

export type OrderWeek = Schemas['OrderWeek'];
export type OrderCatch = Schemas['OrderCatch'];
export type OrderFigures = Schemas['OrderFigures'];
export type Verifier = Schemas['Verifier'];

export const reports = {
  figures: (days: number): Promise<OrderFigures> => body(http.GET('/api/v1/order-report', { params: { query: { days } } })),
  weeks: async (days: number): Promise<OrderWeek[]> => (await body(http.GET('/api/v1/order-weeks', { params: { query: { days } } }))).items,
  catches: async (days: number): Promise<OrderCatch[]> => (await body(http.GET('/api/v1/order-catches', { params: { query: { days, limit: 200 } } }))).items,
};

export const onCall = {
  list: async (): Promise<OnCall[]> => (await body(http.GET('/api/v1/on-call'))).items,
  verifiers: async (): Promise<Verifier[]> => (await body(http.GET('/api/v1/verifiers'))).items,
  set: (what: { site: string; user: string; from: string; to: string; rank: number; wait_s: number }): Promise<OnCall> => body(http.POST('/api/v1/on-call', { body: what })),
  end: async (id: string): Promise<void> => void await body(http.DELETE('/api/v1/on-call/{id}', { params: { path: { id } } })),
};
