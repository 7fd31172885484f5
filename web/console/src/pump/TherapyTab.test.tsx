import { screen, within } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { expect, test } from 'vitest';
import './TherapyTab';
import type { Therapy } from '../api/orders';
import { flat, library, pump } from '../orders/testing-therapy';
import { pumpRow } from '../testing';
import { hello, me, openConsole } from '../testing-app';

/** What the therapy of a pump offers: the stop above all, whatever the pump says that it runs. */

const nurse = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'nurse' as const }] };

async function open(therapy: Therapy, status: 'active' | 'manual' = 'active', connected = true) {
  const row = pumpRow({ id: '1', serial: 'HX0001', status });
  openConsole('/pumps/1?tab=therapy', {
    me: nurse, pumps: [row],
    answers: {
      'GET /pumps/1': { body: { ...row, keys: [], gaps: [], label: '' } }, 'GET /pumps/1/therapy': { body: therapy }, 'GET /orders': { body: { items: [], next: null } },
      'GET /pumps/1/letters': { body: { items: [], connected, heard_at: null } }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    },
  });
  await screen.findByText(/^HX0001/, { selector: 'h1, h1 *' });
  hello();
}

test.each([['primes', 3, 2], ['stands', 3, 0], ['keeps its tubing moving', 2, 0], ['infuses', 1, 0]] as const)('a pump that %s can be stopped', async (_, run, busy) => {
  await open(pump({ busy }, flat, run));
  await userEvent.click(await screen.findByText('Stop the pump…'));
  const dialog = await screen.findByRole('dialog', { name: 'Stop pump HX0001' });
  expect(within(dialog).getByRole('button', { name: 'Sign and stop the pump' })).toBeEnabled();
});

test('stopping one that stands says what a stop does then', async () => {
  await open(pump({ busy: 2 }, flat, 3));
  await userEvent.click(await screen.findByText('Stop the pump…'));
  const dialog = await screen.findByRole('dialog', { name: 'Stop pump HX0001' });
  expect(dialog).toHaveTextContent('This pump stands by an earlier stop. A priming bolus runs. A stop ends a bolus or a priming at once.');
  const table = await within(dialog).findByRole('table', { name: 'What stopping changes' });
  const cells = within(table).getAllByRole('row').map((r) => within(r).queryAllByRole('cell').slice(0, 2).map((c) => c.textContent)).filter((r) => r.length > 0);
  expect(cells).toEqual([['stopped', 'stopped'], ['nothing', 'nothing'], ['runs', 'ends at once'], ['none', 'none'], ['kept, for when it is resumed']]);
});

test('a pump without a link has no stop to send', async () => {
  await open(pump(), 'manual');
  expect(await screen.findByRole('heading', { name: /^Runs:/ })).toBeVisible();
  expect(screen.queryByText('Stop the pump…')).toBeNull();
});

test('a stop for a pump that is away says so before it is signed', async () => {
  await open(pump(), 'active', false);
  await userEvent.click(await screen.findByText('Stop the pump…'));
  const dialog = await screen.findByRole('dialog', { name: 'Stop pump HX0001' });
  expect(await within(dialog).findByRole('alert')).toHaveTextContent('The pump is not connected: the stop will not reach it now. Go to the bedside');
  expect(within(dialog).getByRole('button', { name: 'Sign and stop the pump' })).toBeEnabled();
});
