import type { Communicator } from '../api/devices';

export const statuses = ['stock', 'active', 'lost', 'revoked', 'retired'] as const satisfies readonly Communicator['status'][];
export const statusWord: Record<Communicator['status'], string> = { stock: 'In stock', active: 'In use', lost: 'Lost', revoked: 'Revoked', retired: 'Retired' };

/** The state of the stock that lives in the address. */
export interface DevicesSearch {
  status?: Communicator['status'] | undefined;
  q?: string | undefined;
  /** Serial of the one that is open. */
  open?: string | undefined;
}

export function readDevicesSearch(raw: Record<string, unknown>): DevicesSearch {
  const out: DevicesSearch = {};
  const status = statuses.find((s) => s === raw.status);
  if (status) out.status = status;
  if (typeof raw.q === 'string' && raw.q !== '') out.q = raw.q.slice(0, 100);
  if (typeof raw.open === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(raw.open)) out.open = raw.open;
  return out;
}
