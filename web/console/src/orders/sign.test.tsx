import { render, screen } from '@testing-library/react';
import { MantineProvider } from '@mantine/core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { orders, type SigningKey } from '../api/orders';
import { base64url, type Bytes, hex } from '../order/bytes';
import { readEnvelope, readRelease, readStop } from '../order/documents';
import { bytesOf, vector } from '../order/testing-corpus';
import type { Meant } from './asked';
import { Refused } from './Refused';
import { type Handed, signed, type Signer } from './sign';

/** Releases and stops whose answer is lost, over the statements of the corpus and the real client. */

const envelope = (group: string) => readEnvelope(bytesOf(vector(group, 'control').bytes));
let signatures = 0;
const signer = (login: string, key: Bytes): Signer => ({
  key: { key: hex(key), person: login } as SigningKey,
  sign: async () => ({ credential: '', authenticator_data: '', client_data: '', signature: `signature ${++signatures}`, user_handle: '' }),
});

interface Case { act: (handed: Handed) => Promise<unknown>; what: string }

async function release(): Promise<Case> {
  const e = envelope('visit');
  if (e.kind !== 1) throw new Error('no order');
  const { doc, raw, hash } = await readRelease(e.release);
  const meant: Meant = { kind: 'release', prescription: hex(doc.prescription), branch: 'planned', aspirated_nl: String(doc.measured!.aspirated), filled_nl: String(doc.measured!.filled) };
  prepared = { document: base64url(raw), challenge: base64url(hash) };
  return { act: (h) => signed(signer(doc.person, doc.key), meant, h, (k) => orders.prepareRelease('1', k), (s) => orders.release('1', s)), what: 'Not released.' };
}
async function stop(): Promise<Case> {
  const e = envelope('stop');
  if (e.kind !== 2) throw new Error('no stop');
  const { doc, raw, hash } = await readStop(e.statement);
  const meant: Meant = { kind: 'stop', pump: hex(doc.pump), reason: doc.reason, overdose: doc.overdose };
  prepared = { document: base64url(raw), challenge: base64url(hash) };
  return { act: (h) => signed(signer(doc.person, doc.key), meant, h, (k) => orders.prepareStop('1', k, doc.reason, doc.overdose), (s) => orders.stop('1', s)), what: 'Not stopped.' };
}
let prepared = { document: '', challenge: '' };

/** A server that prepares, and loses or gives the answers to what is handed in. */
function server(...all: ('lost' | number)[]) {
  const handed: { key: string | null; body: string }[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json' } });
    if (/\/(release|stop)$/.test(request.url)) return json(200, { ...prepared, key: '', person: '', rp_id: 'localhost' });
    handed.push({ key: request.headers.get('Idempotency-Key'), body: await request.text() });
    const next = all.shift();
    if (next === undefined || next === 'lost') throw new TypeError('Failed to fetch');
    return json(next, {});
  });
  return handed;
}

afterEach(() => vi.unstubAllGlobals());

describe.each([['a release', release], ['a stop', stop]])('%s whose answer is lost', (_, make) => {
  test('is not said to be undone, and a second press hands in the same bytes under the same key', async () => {
    const handed = server('lost', 401, 200);
    const { act, what } = await make();
    const form: Handed = {};
    const error: unknown = await act(form).catch((e: unknown) => e);
    render(<MantineProvider><Refused what={what} error={error} /></MantineProvider>);
    expect(screen.getByRole('alert')).toHaveTextContent('It is not known whether it was done. Look before you try again.');
    expect(screen.getByRole('alert')).not.toHaveTextContent(what);
    await act(form).catch(() => {});
    await act(form);
    expect(handed).toHaveLength(3);
    expect(new Set(handed.map((h) => JSON.stringify(h))).size).toBe(1);
  });

  test('is signed anew when the server has refused it, or the form was opened again', async () => {
    const handed = server('lost', 409, 'lost', 200);
    const { act } = await make();
    const form: Handed = {};
    await act(form).catch(() => {});
    await act(form).catch(() => {});
    await act(form).catch(() => {});
    await act({});
    expect(handed[1]).toEqual(handed[0]);
    expect(new Set(handed.map((h) => h.body)).size).toBe(3);
  });
});
