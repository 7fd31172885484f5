import { act, screen, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import type { Me } from './api/types';
import { alarmRow, pumpRow } from './testing';
import { hello, me, openConsole, TestSocket } from './testing-app';

/** Text that would be a program somewhere, if it were taken for one. The server's tests have the same. */
const corpus = [
  '<script>window.pwned=1</script>', '"><img src=x onerror="window.pwned=1">', '<svg onload="window.pwned=1">', 'javascript:window.pwned=1', '{{constructor.constructor("window.pwned=1")()}}',
  '<a href="javascript:window.pwned=1">x</a>', '<iframe srcdoc="<script>parent.pwned=1</script>">', '\u202Egpj.exe', '</style><script>window.pwned=1</script>', "'-window.pwned=1-'",
];

function unharmed(): void {
  expect((window as { pwned?: unknown }).pwned).toBeUndefined();
  for (const bad of ['script', 'iframe', 'img', 'object', 'embed', 'base', '[onerror]', '[onload]', 'a[href^="javascript:"]']) {
    expect(document.body.querySelectorAll(bad), `${bad} in the page`).toHaveLength(0);
  }
}

test.each(corpus)('%s is shown as text in every name', async (text) => {
  const admin: Me = { ...me, name: text, login: 'ada', roles: [{ site: '1', site_name: text, role: 'admin' }, { site: '1', site_name: text, role: 'engineer' }] };
  const person = {
    id: '21', login: 'rosa', name: text, state: 'open', created_at: '2026-03-01T10:00:00.000Z', disabled_at: null, seen_at: null, sessions: 1, elsewhere: false, managed: true,
    roles: [{ site: '1', site_short: text, role: 'nurse', granted_at: '2026-03-01T10:00:00.000Z', granted_by: `person:8 ${text}` }],
  };
  const token = {
    id: '3', name: text, owner: '7', owner_login: 'ada', owner_name: text, scopes: ['pumps.read'], sites: ['1'], state: 'revoked', created_at: '2026-03-01T10:00:00.000Z',
    expires_at: '2026-04-01T10:00:00.000Z', used_at: '2026-03-02T10:00:00.000Z', used_from: text, revoked_at: '2026-03-03T10:00:00.000Z', revoked_by: text, reason: text,
  };
  const server = {
    me: admin, pumps: [pumpRow({ id: '1', label: text, serial: text, model: text, firmware: text, drugs: [{ name: text, conc_ng_ml: '1' }] })],
    alarms: [alarmRow({ id: 'a', title: text, pump_label: text, pump_serial: text, advice: text, ack_note: text, ack_by: text, state: 'acknowledged' as const, ack_at: '2026-03-01T11:00:00.000Z' })],
    answers: {
      'GET /sites': { body: [{ id: '1', name: text, short: text, time_zone: text, rev: 1 }] },
      'GET /people': { body: { items: [person], next: null } }, 'GET /people/21': { body: person }, 'GET /roles': { body: { exclusions: [{ one: 'admin', other: 'nurse', anywhere: true, why: text }], counts: [] } },
      'GET /tokens': { body: { items: [token] } }, 'GET /codes': { body: [] }, 'GET /people/21/keys': { body: [] },
    },
  };
  for (const path of ['/people?person=21', '/people?tab=roles', '/people?tab=tokens', '/alarms']) {
    const app = openConsole(path, server);
    await waitFor(() => expect(TestSocket.all.length).toBeGreaterThan(0));
    act(hello);
    await waitFor(() => expect(screen.getAllByText((_, e) => e?.textContent?.includes(text) ?? false).length).toBeGreaterThan(0));
    unharmed();
    app.view.unmount();
    vi.unstubAllGlobals();
  }
});
