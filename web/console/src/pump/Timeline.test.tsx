import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import type { TimelineItem } from '../api/types';
import { pumpRow } from '../testing';
import { openConsole } from '../testing-app';
import './Timeline';
import { stamp } from '../units/time';
import { narrowedTo, told } from './told';

function item(part: Partial<TimelineItem> & { id: string }): TimelineItem {
  return {
    kind: 'audit', group: 'device', by: 'person', code: 'pump.edit', title: 'Pump edited', detail: null, at: '2026-03-01T10:00:00.000Z', device_at: null, received_at: null,
    priority: null, actor: 'person:7 anna', meaning: null, signer: null, ...part,
  };
}

const entries = [
  item({ id: 'audit-3', code: 'pump.claim_withdraw', title: 'Claim slip withdrawn', group: 'link', detail: 'Printed twice.' }),
  item({ id: 'event-1-2', kind: 'event', by: 'pump', group: 'boluses', code: 'BOLUS_ENDED', title: 'BOLUS ENDED', detail: 'given_nl 4650, kind patient', actor: null }),
  item({ id: 'refusal-1', kind: 'refusal', by: 'pump', group: 'link', code: 'E_SIGNATURE', title: 'Message refused', actor: 'device:C-1' }),
];

const open = (path: string, items: TimelineItem[], next: string | null = null) =>
  openConsole(path, { pumps: [pumpRow({ id: '1' })], answers: { 'GET /pumps/1/timeline': { body: { items, next } } } });
const asked = (app: ReturnType<typeof open>) => app.server.requests.filter((r) => r.path.startsWith('/pumps/1/timeline?limit=50')).map((r) => r.path.split('limit=50')[1]);

describe('the timeline', () => {
  test('is told in words, with codes only where people say them', async () => {
    open('/pumps/1?tab=timeline', entries);
    const story = await screen.findByRole('region', { name: 'Timeline' });
    expect(await within(story).findByText('Claim slip withdrawn')).toBeInTheDocument();
    expect(within(story).getByText('Bolus delivered')).toBeInTheDocument();
    expect(within(story).getByText('given 0.004 mL, kind patient')).toBeInTheDocument();
    expect(within(story).getByText('E_SIGNATURE')).toBeInTheDocument();
    expect(story.textContent).not.toMatch(/claim_withdraw|BOLUS_ENDED|given_nl/);
  });

  test('says with a signature what was said by it, and by whom', async () => {
    const signed = (id: string, meaning: string | null) => item({ id, code: 'order.approve', title: 'Order approved', group: 'orders', meaning, signer: meaning && 'Anna Keller' });
    open('/pumps/1?tab=timeline', [signed('audit-9', 'prescribe'), signed('audit-8', 'verify'), signed('audit-7', 'release'), signed('audit-6', 'stop'), signed('audit-5', 'withdraw'), signed('audit-4', 'later'), signed('audit-3', null)]);
    const story = await screen.findByRole('region', { name: 'Timeline' });
    const first = await within(story).findByText(/“I prescribe this”$/);
    expect(within(story).getAllByRole('listitem').map((li) => /Signed by Anna Keller, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+: “(.*)”/.exec(li.textContent)?.[1])).toEqual([
      'I prescribe this', 'I verified this independently', 'I release this to the pump now', 'I stop this pump', 'I take this order back', 'later', undefined,
    ]);
    expect(first.closest('li')).toHaveTextContent(`Signed by Anna Keller, ${stamp(Date.parse('2026-03-01T10:00:00.000Z'))}: “I prescribe this”`);
  });

  test('is narrowed by what and by whom, in the address and at the server', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/pumps/1?tab=timeline', entries);
    await screen.findByText('Claim slip withdrawn');
    await user.click(screen.getByRole('button', { name: 'Link' }));
    await user.click(screen.getByRole('button', { name: 'Refills' }));
    await user.click(screen.getByRole('button', { name: 'By people' }));
    await waitFor(() => expect(app.address()).toBe('/pumps/1?tab=timeline&groups=refills&groups=link&by=person'));
    await waitFor(() => expect(asked(app).at(-1)).toBe('&groups=refills%2Clink&by=person'));
    for (const name of ['Refills', 'Link', 'By people']) expect(screen.getByRole('button', { name })).toHaveAttribute('aria-pressed', 'true');
    expect(screen.getByRole('button', { name: 'By anyone' })).toHaveAttribute('aria-pressed', 'false');
    await user.click(screen.getByRole('button', { name: 'All' }));
    await waitFor(() => expect(app.address()).toBe('/pumps/1?tab=timeline&by=person'));
  });

  test('goes on behind a page under the same filter', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/pumps/1?tab=timeline&groups=link&by=pump', entries, 'PLACE');
    const older = await screen.findByRole('button', { name: 'Load older' });
    app.server.answers['GET /pumps/1/timeline'] = { body: { items: [item({ id: 'gap-1', kind: 'gap', by: 'pump', group: 'link', title: '6 records lost' })], next: null } };
    await user.click(older);
    expect(await screen.findByText('6 records lost')).toBeInTheDocument();
    expect(asked(app)).toContain('&groups=link&by=pump&before=PLACE');
    expect(screen.getByText('Nothing older of what was chosen: link, by the pump.')).toBeInTheDocument();
  });

  test('says what there is nothing of, and clears the filter', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/pumps/1?tab=timeline&groups=refills&groups=boluses&by=person', []);
    expect(await screen.findByText('There is nothing of what was chosen: boluses or refills, by people.')).toBeInTheDocument();
    app.server.answers['GET /pumps/1/timeline'] = { body: { items: entries, next: null } };
    await user.click(screen.getByRole('button', { name: 'Clear the filter' }));
    expect(await screen.findByText('Bolus delivered')).toBeInTheDocument();
    expect(app.address()).toBe('/pumps/1?tab=timeline');
  });

  test('without a filter there is nothing to clear', async () => {
    open('/pumps/1?tab=timeline', []);
    expect(await screen.findByText('Nothing has happened yet')).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Clear the filter' })).not.toBeInTheDocument();
  });
});

test('what is chosen reads as part of a sentence', () => {
  expect(narrowedTo({})).toBe('');
  expect(narrowedTo({ groups: ['orders'] })).toBe('orders');
  expect(narrowedTo({ groups: ['orders', 'boluses', 'link'], by: ['pump', 'system'] })).toBe('orders, boluses or link, by the pump or by the server');
});

test('a code of a vendor stays, as there is no other word for it', () => {
  expect(told(item({ id: '1', kind: 'event', code: 'VENDOR_X', title: 'VENDOR X' }))).toEqual({ title: 'Vendor x', code: 'VENDOR_X' });
  expect(told(item({ id: '1', kind: 'alarm', code: 'RES_LOW', title: 'Low reservoir' }))).toEqual({ title: 'Low reservoir', code: 'RES_LOW' });
});
