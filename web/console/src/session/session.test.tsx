import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { gates, send } from '../api/gates';
import { alarmRow } from '../testing';
import { hello, me, openConsole, TestSocket } from '../testing-app';
import { fromText, toText } from './bytes';
import { whyNot } from './passkey';
import { clock, endOf } from './SessionGuard';
import { der, makeSoft, signSoft } from './softkey';
import { browserName, isSoftware } from './stepup';

afterEach(() => {
  delete gates.stepUp;
  delete gates.signedOut;
});

describe('bytes', () => {
  test.each([[[]], [[0]], [[255, 254]], [[1, 2, 3, 250, 251, 252]]])('%j survive as text', (list) => {
    expect([...fromText(toText(new Uint8Array(list)))]).toEqual(list);
  });

  test('a signature becomes DER with the shortest numbers', () => {
    const raw = new Uint8Array(64);
    raw[31] = 1; // r = 1
    raw[32] = 0x80; // s has its top bit set
    const out = der(raw);
    expect(Array.from(out.slice(0, 8))).toEqual([0x30, 38, 2, 1, 1, 2, 33, 0]);
    expect(out).toHaveLength(40);
  });
});

test('a software key answers as an authenticator does', async () => {
  const { key, made } = await makeSoft(toText(new Uint8Array(32)), 'localhost', 'http://localhost:8600');
  const data = fromText(made.authenticator_data);
  expect(data).toHaveLength(37 + 18 + 32 + 77);
  expect(data[32]).toBe(0x45);
  expect(key.secret.extractable).toBe(false);
  const a = await signSoft(key, toText(new Uint8Array(32)), 'localhost', 'http://localhost:8600');
  expect(new TextDecoder().decode(fromText(a.client_data))).toBe(`{"type":"webauthn.get","challenge":"${'A'.repeat(43)}","origin":"http://localhost:8600","crossOrigin":false}`);
  expect(fromText(a.authenticator_data)).toHaveLength(37);
  expect(fromText(a.signature)[0]).toBe(0x30);
});

describe('a request that is held back', () => {
  const ask = { nonce: 'n', challenge: 'c', rp_id: 'localhost', expires_at: '2099-01-01T00:00:00.000Z', credentials: [], software: true };
  const held = () => new Response(JSON.stringify({ code: 'step_up_required', step_up: ask }), { status: 403 });
  const request = () => new Request('http://localhost/api/v1/people/7/codes', { method: 'POST', body: '{"reason":"x"}' });

  test('is sent again with the signature, the same otherwise', async () => {
    const seen: [string | null, string][] = [];
    vi.stubGlobal('fetch', async (r: Request) => {
      seen.push([r.headers.get('Cisterna-Step-Up'), await r.text()]);
      return seen.length === 1 ? held() : new Response('{}');
    });
    gates.stepUp = async () => 'v1.signed';
    expect((await send(request())).status).toBe(200);
    expect(seen).toEqual([[null, '{"reason":"x"}'], ['v1.signed', '{"reason":"x"}']]);
  });

  test('is not sent when nobody signs', async () => {
    const fetched = vi.fn(async () => held());
    vi.stubGlobal('fetch', fetched);
    gates.stepUp = async () => { throw new Error('no'); };
    await expect(send(request())).rejects.toThrow('no');
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  test('is not asked for without end', async () => {
    const fetched = vi.fn(async () => held());
    vi.stubGlobal('fetch', fetched);
    gates.stepUp = async () => 'v1.signed';
    expect((await send(request())).status).toBe(403);
    expect(fetched).toHaveBeenCalledTimes(4);
  });

  test('another refusal is only a refusal', async () => {
    vi.stubGlobal('fetch', async () => new Response('{"code":"denied"}', { status: 403 }));
    gates.stepUp = async () => { throw new Error('asked'); };
    expect((await send(request())).status).toBe(403);
  });
});

test('what was typed survives the end of the session, and the request is then done', async () => {
  const user = userEvent.setup({ delay: null });
  const alarm = alarmRow({ id: '5', priority: 'high', title: 'Motor stall' });
  const app = openConsole('/alarms', { alarms: [alarm], answers: { 'POST /session': { body: me } } });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  hello();
  await user.click((await screen.findAllByRole('button', { name: /Acknowledge/ }))[0]!);
  await user.type(await screen.findByLabelText('What is being done'), 'On my way');
  app.server.me = null;
  await user.click(screen.getAllByRole('button', { name: 'Acknowledge' }).at(-1)!);
  await screen.findByRole('dialog', { name: 'Your session has ended' });
  app.server.me = me;
  app.server.answers['POST /alarms/5/acknowledge'] = { body: { ...alarm, state: 'acknowledged' } };
  await user.type(screen.getByLabelText('Password'), 'secret{Enter}');
  await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Your session has ended' })).not.toBeInTheDocument());
  const acks = app.server.requests.filter((r) => r.path === '/alarms/5/acknowledge');
  await waitFor(() => expect(app.server.requests.filter((r) => r.path === '/alarms/5/acknowledge')).toHaveLength(2));
  expect(acks.at(-1)!.body).toEqual({ note: 'On my way' });
  expect(app.address()).toBe('/alarms');
});

test('what was typed and not sent survives when the feed ends with the session', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/alarms', { alarms: [alarmRow({ id: '5', priority: 'high', title: 'Motor stall' })], answers: { 'POST /session': { body: me } } });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await user.click((await screen.findAllByRole('button', { name: /Acknowledge/ }))[0]!);
  await user.type(await screen.findByLabelText('What is being done'), 'On my way');
  app.server.me = null;
  act(() => TestSocket.all[0]!.onclose!({ code: 4401 }));
  await screen.findByRole('dialog', { name: 'Your session has ended' });
  app.server.me = me;
  await user.type(screen.getByLabelText('Password'), 'secret{Enter}');
  await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Your session has ended' })).not.toBeInTheDocument());
  expect(screen.getByLabelText('What is being done')).toHaveValue('On my way');
  // The new session may see other things: all is read again, and a feed of its own begins.
  await waitFor(() => expect(TestSocket.all).toHaveLength(2));
  expect(app.server.requests.filter((r) => r.path === '/pumps')).toHaveLength(2);
});

test('two minutes before its end the session says so, and goes on when asked', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/alarms', { me: { ...me, idle_left_seconds: 60, idle_seconds: 60 } });
  await screen.findByRole('dialog', { name: 'You are about to be signed out' });
  app.server.me = me;
  await user.click(screen.getByRole('button', { name: 'Stay signed in' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
});

test('when a session ends', () => {
  const m = { ...me, idle_seconds: 900, idle_left_seconds: 600, left_seconds: 3600 };
  expect(endOf(m, 1000, -1_000_000)).toEqual({ at: 601_000, final: false });
  expect(endOf(m, 1000, 500_000)).toEqual({ at: 500_000 + 885_000, final: false });
  expect(endOf({ ...m, left_seconds: 10 }, 1000, 500_000)).toEqual({ at: 11_000, final: true });
  expect([clock(119_001), clock(60_000), clock(-5)]).toEqual(['2:00', '1:00', '0:00']);
});

test.each([
  ['NotAllowedError', /cancelled, took too long, or this device has none/],
  ['SecurityError', /does not fit/],
  ['NotSupportedError', /cannot do what is needed/],
  ['InvalidStateError', /has a passkey for you already/],
])('%s in plain words', (name, want) => expect(whyNot(new DOMException('x', name))).toMatch(want));

test('whom a software key is for, and what a browser is called', () => {
  const ask = { nonce: '', challenge: '', rp_id: '', expires_at: '', credentials: [], software: true };
  expect(isSoftware(ask)).toBe(true);
  expect(isSoftware({ ...ask, software: false })).toBe(false);
  expect(isSoftware({ ...ask, credentials: [{ id: 'x', kind: 'passkey' }] })).toBe(false);
  expect(browserName('Mozilla/5.0 Chrome/156.0 Safari/537.36')).toBe('Chrome');
  expect(browserName('curl')).toBe('a browser');
});
