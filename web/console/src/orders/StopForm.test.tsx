import { screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import type { OrderLetter, SigningKey } from '../api/orders';
import type { Role } from '../api/types';
import { base64url, hex } from '../order/bytes';
import { readEnvelope, readStop } from '../order/documents';
import { bytesOf, vector } from '../order/testing-corpus';
import '../pump/TherapyTab';
import { pumpRow } from '../testing';
import { hello, me, openConsole } from '../testing-app';
import { flat, library, pump } from './testing-therapy';

/** A stop from the form to what is said of it, with the stop of the corpus and an authenticator in the test's hands. */

class Passkey {
  rawId = new Uint8Array([1]).buffer;
  response = { authenticatorData: new Uint8Array([2]).buffer, clientDataJSON: new Uint8Array([3]).buffer, signature: new Uint8Array([4]).buffer, userHandle: null };
}

afterEach(() => vi.unstubAllGlobals());

async function stopped(role: Role) {
  const e = readEnvelope(bytesOf(vector('stop', 'control').bytes));
  if (e.kind !== 2) throw new Error('no stop');
  const { doc, raw, hash } = await readStop(e.statement);
  vi.stubGlobal('PublicKeyCredential', Passkey);
  vi.stubGlobal('isSecureContext', true);
  vi.stubGlobal('navigator', Object.assign(Object.create(navigator) as Navigator, { credentials: { get: async () => new Passkey() } }));
  const row = pumpRow({ id: '1', serial: 'HX0001' });
  const who = { ...me, login: doc.person, roles: [{ site: '1', site_name: 'Lakeside', role }] };
  const key = { id: '1', key: hex(doc.key), person: doc.person, holds: true, listed: true, software: false, credential: 'AQ', label: 'Blue key', rp_id: 'localhost' } as SigningKey;
  const letter: OrderLetter = {
    id: '9', kind: 'stop', order: null, counter: '1', by: { id: me.id, login: doc.person, name: me.name }, at: new Date().toISOString(), not_after: new Date(Date.now() + 600_000).toISOString(), state: 'open',
    reason: doc.reason, overdose: doc.overdose, sent_at: null, answered_at: null, code: null, remedy: null, envelope: '', failed: false,
  };
  openConsole('/pumps/1?tab=therapy', {
    me: who, pumps: [row],
    answers: {
      'GET /pumps/1': { body: { ...row, keys: [{ purpose: 'device', fingerprint: hex(doc.pump) }], gaps: [], label: '' } }, 'GET /pumps/1/therapy': { body: pump({}, flat) },
      'GET /pumps/1/letters': { body: { items: [], connected: true, heard_at: null } }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
      'GET /signing-keys': { body: { items: [key] } },
      'POST /pumps/1/stop': { body: { document: base64url(raw), challenge: base64url(hash), key: key.key, person: doc.person, rp_id: 'localhost' } },
      'POST /pumps/1/stops': { status: 201, body: letter },
    },
  });
  await screen.findByText(/^HX0001/, { selector: 'h1, h1 *' });
  hello();
  await userEvent.click(await screen.findByText('Stop the pump…'));
  const form = within(await screen.findByRole('dialog', { name: 'Stop pump HX0001' }));
  await userEvent.type(form.getByLabelText('Reason'), doc.reason);
  if (doc.overdose) await userEvent.click(form.getByLabelText(/^Overdose/));
  await userEvent.type(form.getByLabelText('Type the serial HX0001 to confirm'), 'HX0001');
  await userEvent.click(form.getByRole('button', { name: 'Sign and stop the pump' }));
  expect(await form.findByText(/^The stop is signed and on its way/)).toBeVisible();
  return form.getByText(/^Somebody else looks at this within a day/);
}

test('a prescriber who has stopped a pump hears that they can resume it alone', async () => {
  expect(await stopped('prescriber')).toHaveTextContent('You can resume it alone for an hour; later it needs two people.');
});
test('a nurse who has stopped one hears that others resume it', async () => {
  expect(await stopped('nurse')).toHaveTextContent('A prescriber and a second person resume it.');
});
