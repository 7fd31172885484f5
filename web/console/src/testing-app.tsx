import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import { vi } from 'vitest';
import fields from '../../api/testdata/fields.json';
import type { AlarmRow, Me, PumpRow } from './api/types';
import { makeQueries } from './app/queries';
import { makeRouter } from './app/router';
// The screens at once, so that no test waits for a screen to be loaded.
import './alarms/AlarmsPage';
import './fleet/FleetPage';
import './home/HomePage';
import './people/PeoplePage';
import './pump/PumpPage';
import './record/RecordPage';
import './signin/SignIn';
import './signin/Enrol';
import './me/SecurityPage';
import { sessionEnded } from './session/leave';
import { resolver, theme } from './theme/theme';

export const me: Me = {
  id: '7', login: 'anna', name: 'Anna Keller', roles: [{ site: '1', site_name: 'Lakeside', role: 'engineer' }], expires_at: '2099-01-01T00:00:00.000Z',
  idle_seconds: 900, idle_left_seconds: 900, left_seconds: 43_200, means: 'passkey', enrolling: false, visit: null, demo: false,
};

/** The socket of the feed, in the hands of the test. */
export class TestSocket {
  static all: TestSocket[] = [];
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  constructor(readonly url: string) {
    TestSocket.all.push(this);
  }
  close() {}
  send(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
}

type Answer = { status?: number; body?: unknown } | 'hang' | 'down';
type Answers = Answer | ((query: URLSearchParams) => Answer);

export interface TestServer {
  me: Me | null;
  pumps: PumpRow[];
  alarms: AlarmRow[];
  /** Answers by "METHOD /path" before everything else. */
  answers: Record<string, Answers>;
  requests: { method: string; path: string; body: unknown }[];
}

/** The whole console on a server that answers from memory. */
export function openConsole(path: string, part: Partial<TestServer> = {}) {
  const server: TestServer = { me, pumps: [], alarms: [], answers: {}, requests: [], ...part };
  TestSocket.all = [];
  vi.stubGlobal('WebSocket', TestSocket);
  vi.stubGlobal('fetch', async (request: Request) => {
    const url = new URL(request.url);
    const { method } = request;
    const text = await request.text();
    const route = url.pathname.replace('/api/v1', '');
    server.requests.push({ method, path: route + url.search, body: text === '' ? undefined : JSON.parse(text) });
    const given = server.answers[`${method} ${route}`] ?? standard(server, method, route);
    const answer = typeof given === 'function' ? given(url.searchParams) : given;
    if (answer === 'hang') return new Promise<Response>(() => {});
    if (answer === 'down') throw new TypeError('Failed to fetch');
    return new Response(answer.body === undefined ? null : JSON.stringify(answer.body), { status: answer.status ?? 200, headers: { 'Content-Type': 'application/json' } });
  });
  const queries = makeQueries(() => void sessionEnded(queries, router));
  const router = makeRouter(queries, createMemoryHistory({ initialEntries: [path] }));
  const view = render(
    <MantineProvider theme={theme} cssVariablesResolver={resolver} env="test">
      <QueryClientProvider client={queries}><RouterProvider router={router} /></QueryClientProvider>
    </MantineProvider>,
  );
  return { server, router, view, address: () => router.state.location.href };
}

function standard(s: TestServer, method: string, route: string): Answer {
  if (route === '/session/demo') return { status: 404, body: { title: 'Not found' } };
  if (route === '/session' && method === 'DELETE') return { status: 204 };
  if (!s.me) return { status: 401, body: { title: 'Not signed in' } };
  if (route === '/session') return { body: s.me };
  if (route === '/sites') return { body: [{ id: '1', name: 'Lakeside Hospital', short: 'Lakeside', time_zone: 'UTC' }] };
  if (route === '/pumps') return { body: { epoch: 'e1', rev: 10, at: new Date().toISOString(), rows: s.pumps } };
  if (route === '/pumps/fields') return { body: fields };
  if (route === '/orders') return { body: { items: [], next: null } };
  if (route === '/groups' || route === '/views') return { body: [] };
  if (route === '/alarms') return { body: { checked_at: new Date().toISOString(), items: s.alarms, next: null } };
  return { status: 404, body: { title: 'There is no such thing' } };
}

export function hello() {
  TestSocket.all.at(-1)!.send({ t: 'hello', epoch: 'e1', rev: 10, aseq: 0, resumed: false, retry_min_ms: 1000, retry_max_ms: 8000, now: Date.now() });
}
