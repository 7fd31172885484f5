import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { type ReactNode, Suspense } from 'react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Order } from '../api/orders';
import { createLive, LiveContext } from '../app/live';
import { sessionQuery } from '../session/session';
import { pumpRow } from '../testing';
import { me } from '../testing-app';
import { part } from '../ui/part';
import { ReleasePanel } from './ReleasePanel';
import { SignPanel } from './SignPanel';
import { doc, pump } from './testing-therapy';

/** Nobody signs or releases an order of which a part is not on the page, such as what it changes. */

const document = doc('adopt: control');
const order = {
  id: '7', rev: '1', hash: 'aa', site: '1', pump: '1', act: 'adopt', state: 'approved', bytes: '', document, proposer: { id: '2', login: 'miriam', name: 'Miriam' }, approvals: [{}, {}], finding: { people: 2 },
} as unknown as Order;
const here = { ...pump(), state_hash: document.state };
const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'prescriber' as const }] };

const Comparison = part<() => ReactNode>(() => Promise.reject(new TypeError('Failed to fetch dynamically imported module')));

/** A panel beside the comparison, for an order that this browser has proved. */
function show(panel: ReactNode) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  queries.setQueryData(sessionQuery.queryKey, who);
  queries.setQueryData(['orders', 'proof', order.id, order.rev, order.hash, order.approvals.length], { hash: order.hash, hindrance: null });
  queries.setQueryData(['orders', 'news', order.id], []);
  queries.setQueryData(['signing-keys'], { items: [{ key: 'bb', person: who.login, holds: true, listed: true, software: false, label: 'Laptop' }] });
  const live = createLive(() => {});
  live.sync.pumps.replace([pumpRow({ id: '1' })]);
  render(
    <MantineProvider env="test">
      <QueryClientProvider client={queries}>
        <LiveContext value={live}><main><Suspense><Comparison /></Suspense><Suspense>{panel}</Suspense></main></LiveContext>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

let asked: string[] = [];
beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  asked = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push(request.url);
    return new Response('{"items":[]}', { headers: { 'Content-Type': 'application/json' } });
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const refused = async (what: string) => {
  expect(await screen.findByText(what)).toBeVisible();
  expect(screen.getByText(what).closest('p')).toHaveTextContent('A part of this page has not come. Reload the page and read all of it before you sign.');
  expect(asked.filter((url) => !url.endsWith('/news'))).toEqual([]);
};

test('an order is not signed', async () => {
  show(<SignPanel order={{ ...order, state: 'verified' }} therapy={here} />);
  await userEvent.click(await screen.findByRole('button', { name: 'Later' }));
  await userEvent.click(screen.getByLabelText('I have read every setting of this order'));
  await userEvent.type(screen.getByLabelText(/^The last four characters/), document.serial.slice(-4));
  await userEvent.click(screen.getByRole('button', { name: 'Approve and sign' }));
  await refused('Not signed.');
});

test('an order is not released', async () => {
  show(<ReleasePanel order={order} therapy={here} />);
  await userEvent.click(await screen.findByRole('button', { name: 'Later' }));
  await userEvent.click(screen.getByRole('button', { name: 'Release and sign' }));
  await refused('Not released.');
});
