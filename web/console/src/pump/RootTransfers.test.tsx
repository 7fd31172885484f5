import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { orders, type OrderLetter, type RootTransfer } from '../api/orders';
import { me } from '../testing-app';
import RootTransfers from './RootTransfers';
import { readSigned, standing } from './rootTransfer';

/** A transfer by the root is followed to the pump's own answer, and nothing before it is taken for one. */

const day = 86_400_000;
const at = (days: number) => new Date(Date.now() + days * day).toISOString();
const lakeside = { id: '1', name: 'Lakeside', short: 'LAKE' };
const harbour = { id: '2', name: 'Harbour', short: 'HARB' };
const transfer = (part: Partial<RootTransfer> = {}): RootTransfer => ({
  id: '7', serial: 'HX0001', pump_key: 'a'.repeat(64), from: lakeside, to: harbour, epoch: '3', state_hash: 'b'.repeat(64), keyset: '9',
  people: [{ person: 'nadia', key: 'c'.repeat(64), roles: ['prescriber', 'release'] }], reason: 'the house has closed', by: { id: '77', login: 'ada', name: 'Ada' },
  at: at(-1), expires_at: at(6), hash: 'd'.repeat(64), body: 'QUJD', letter: null, ...part,
});
const letter = (part: Partial<OrderLetter>): OrderLetter => ({
  id: '4', kind: 'transfer', order: null, counter: '0', by: { id: '78', login: 'edda', name: 'Edda' }, at: at(0), not_after: at(6), state: 'open', reason: 'the house has closed', overdose: false,
  sent_at: null, answered_at: null, code: null, remedy: null, envelope: '', failed: false, ...part,
});

function open(items: RootTransfer[]) {
  vi.spyOn(orders, 'transfers').mockResolvedValue({ items, destinations: [harbour] });
  const queries = new QueryClient();
  queries.setQueryData(['session'], me);
  render(<MantineProvider env="test"><QueryClientProvider client={queries}><RootTransfers pump="1" serial="HX0001" active /></QueryClientProvider></MantineProvider>);
}

test.each([
  ['unsigned', null, 6], ['unused', null, -1], ['waits', 'open', 6], ['sent', 'sent', 6], ['applied', 'applied', -1], ['refused', 'refused', 6], ['expired', 'expired', -1],
] as const)('it is %s', (want, state, days) => {
  expect(standing({ letter: state && letter({ state }), expires_at: at(days) }, Date.now())).toBe(want);
});

test('a file of the command is read, and no other', () => {
  const line = 'A'.repeat(200);
  expect([readSigned(`${line}\n`), readSigned(''), readSigned('{"key":"x"}'), readSigned(`${line} ${line}`), readSigned('QUJD')]).toEqual([line, null, null, null, null]);
});

test('what waits for the root: the file, the command, and that somebody else hands it in', async () => {
  open([transfer({ by: { id: me.id, login: me.login, name: me.name } })]);
  const list = await screen.findByRole('list', { name: /^Transfers by the root/ });
  expect(within(list).getByRole('link', { name: 'transfer-HX0001-7.body' })).toHaveAttribute('href', 'data:text/plain,QUJD');
  expect(list).toHaveTextContent('To Harbour, number 2');
  expect(list).toHaveTextContent('cisterna keys transfer --key root.key --root root.cbor');
  expect(within(list).getByRole('status')).toHaveTextContent('You made it, so another administrator hands it in.');
  expect(list).toHaveTextContent('nadia (prescriber, release)');
});

const ends = [
  ['sent', letter({ state: 'sent', code: 'E_BUSY', remedy: 'Wait for its end.' }), /Sent; the pump has not moved\. The pump answered E_BUSY\. Wait for its end\. It is sent again/],
  ['applied', letter({ state: 'applied', answered_at: at(0), code: 'applied' }), /Applied: the pump belongs to Harbour by its own answer/],
  ['refused', letter({ state: 'refused', answered_at: at(0), code: 'E_CAS', remedy: 'Look at what it runs.' }), /Refused\. The pump answered E_CAS\. Look at what it runs\. Make it again/],
  ['expired', letter({ state: 'expired' }), /the pump did not answer in time\. It stays where it is, as far as is known/],
] as const;

test.each(ends)('what became of it: %s', async (_, l, says) => {
  open([transfer({ letter: l })]);
  const list = await screen.findByRole('list', { name: /^Transfers by the root/ });
  expect(within(list).getByRole('status')).toHaveTextContent(says);
  expect(within(list).queryByRole('link')).toBeNull();
});

test('one is made for a site and with a reason, or not at all', async () => {
  open([]);
  await userEvent.click(await screen.findByRole('button', { name: 'Make what the root signs…' }));
  const dialog = await screen.findByRole('dialog', { name: 'Transfer by the root: HX0001' });
  await userEvent.click(within(dialog).getByRole('button', { name: 'Make it' }));
  expect(dialog).toHaveTextContent('Say where it goes.');
  expect(dialog).toHaveTextContent('Say why');
});
