import { Problem } from './problem';
import type {
  AlarmList, AlarmRow, AuditRow, Checkpoint, ClaimSlip, DemoPerson, Me, Page, PumpDetail, PumpSnapshot, Refusal, Site, Telemetry,
  TimelineItem,
} from './types';

type Query = Record<string, string | number | undefined>;

async function call<T>(method: string, path: string, options: { query?: Query; body?: unknown } = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [k, v] of Object.entries(options.query ?? {})) if (v !== undefined) query.set(k, String(v));
  const url = `/api/v1${path}${query.size > 0 ? `?${query}` : ''}`;
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { Accept: 'application/json', 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (err) {
    throw Problem.unreachable(err);
  }
  if (!response.ok) throw await Problem.from(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const pump = (id: string) => `/pumps/${encodeURIComponent(id)}`;

/** Every call that the console makes. Each rejects with a Problem. */
export const api = {
  me: () => call<Me>('GET', '/session'),
  signIn: (login: string, password: string) => call<Me>('POST', '/session', { body: { login, password } }),
  signOut: () => call<void>('DELETE', '/session'),
  demoPeople: () => call<{ demo: boolean; people: DemoPerson[] }>('GET', '/session/demo'),
  sites: () => call<Site[]>('GET', '/sites'),
  pumps: () => call<PumpSnapshot>('GET', '/pumps'),
  pump: (id: string) => call<PumpDetail>('GET', pump(id)),
  telemetry: (id: string, from: number, to: number, points: number) =>
    call<Telemetry>('GET', `${pump(id)}/telemetry`, { query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), points } }),
  timeline: (id: string, query: { before?: string; limit?: number; kinds?: string }) => call<Page<TimelineItem>>('GET', `${pump(id)}/timeline`, { query }),
  refusals: (id: string, query: { before?: string; limit?: number }) => call<Page<Refusal>>('GET', `${pump(id)}/refusals`, { query }),
  claim: (id: string) => call<ClaimSlip>('POST', `${pump(id)}/claim`, { body: {} }),
  act: (id: string, verb: 'revoke' | 'reinstate' | 'explant' | 'retire', reason: string) => call<void>('POST', `${pump(id)}/${verb}`, { body: { reason } }),
  swapCommunicator: (id: string, serial: string, reason: string) => call<void>('POST', `${pump(id)}/communicator`, { body: { serial, reason } }),
  alarms: (query: { state?: string; site?: string; pump?: string; limit?: number }) => call<AlarmList>('GET', '/alarms', { query }),
  acknowledge: (id: string, note: string) => call<AlarmRow>('POST', `/alarms/${encodeURIComponent(id)}/acknowledge`, { body: { note } }),
  audit: (query: { before?: string; limit?: number; kind?: string; pump?: string; actor?: string }) => call<Page<AuditRow>>('GET', '/audit', { query }),
  checkpoint: () => call<Checkpoint>('GET', '/audit/checkpoint'),
};
