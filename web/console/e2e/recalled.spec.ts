import { Caller } from './softkey';
import { engineer, expect, expectAccessible, live, signInAs, test } from './support';

/** Where people meet the notice that a communicator is recalled: on its pump's page, in stock, at home, and when one is chosen for a pump. */

test('a recalled communicator is told of on the page of its pump until it is dealt with', async ({ page, browser, baseURL }) => {
  const caller = await Caller.signIn((await browser.newContext()).request, baseURL!, await engineer(page));
  const { rows } = await caller.call<{ rows: { id: string; serial: string; link: string | null; presence: string; status: string }[] }>('GET', '/pumps');
  const pump = rows.find((r) => r.status === 'active' && r.link !== null)!;
  const recalls = await caller.call<{ id: string; reference: string; title: string }[]>('GET', '/recalls');
  const recall = recalls.find((r) => r.reference === 'BRK-26-07')!;
  const card = page.getByRole('heading', { name: 'Communicator', exact: true }).locator('..');

  // A nurse at the bedside sees it as an engineer does.
  await signInAs(page, 'engineer');
  await page.goto(`/pumps/${pump.id}?tab=identity`);
  await live(page);
  await expect(card).toContainText(pump.link!);
  await expect(card).not.toContainText('Recalls of this communicator');

  await caller.call('POST', `/communicators/${pump.link}/recalls`, { recall: recall.id, reason: 'its cell is of that lot' });
  await page.reload();
  await live(page);
  await expect(card.getByRole('heading', { name: 'Recalls of this communicator' })).toBeVisible();
  await expect(card).toContainText('Class III, open');
  await expect(card).toContainText(recall.title);
  await expectAccessible(page);

  // In the list of devices, and at its side.
  await page.goto(`/devices?open=${pump.link}`);
  const sheet = page.getByRole('dialog', { name: `Communicator ${pump.link}` });
  await expect(sheet.getByText('in a recall')).toBeVisible();
  await expect(sheet.getByRole('link', { name: recall.reference })).toBeVisible();
  await expect(sheet.getByRole('link', { name: pump.serial }).first()).toBeVisible();

  // On the recall, with the pump whose patient is to be reached.
  await sheet.getByRole('link', { name: recall.reference }).click();
  const row = page.locator(`[data-device="${pump.link}"]`);
  await expect(row).toContainText(pump.serial);
  await expect(row).toContainText('its cell is of that lot');

  await caller.call('POST', `/recalls/${recall.id}/communicators/${pump.link}`, { act: 'remove', reason: 'the lot was misread' });
  await page.goto(`/pumps/${pump.id}?tab=identity`);
  await live(page);
  await expect(card).toContainText('Class III, not concerned');
  await expect(card).toContainText('the lot was misread');
  await page.goto(`/devices?open=${pump.link}`);
  await expect(sheet.getByRole('heading', { name: 'Recalls' })).toBeVisible();
  await expect(sheet.getByText('in a recall')).toHaveCount(0);
});

test('the recall of communicators stands at home, and a recalled one is marked where one is chosen for a pump', async ({ page }) => {
  await signInAs(page, 'engineer');
  await page.goto('/');
  await live(page);
  const home = page.getByRole('heading', { name: 'Recalls' }).locator('xpath=ancestor::section[1]');
  await expect(home).toContainText('BRK-26-07: devices without a contact');

  // In stock it is marked, and where one is chosen for a pump, so that nobody gives a patient a recalled one unawares.
  const all = (await (await page.request.get('/api/v1/communicators')).json()) as { serial: string; site: string; status: string; recalled: boolean; reserved_for: string | null }[];
  const { rows } = (await (await page.request.get('/api/v1/pumps')).json()) as { rows: { id: string; serial: string; site: string; status: string; link: string | null }[] };
  const spare = all.find((c) => c.recalled && c.status === 'stock' && c.reserved_for === null && rows.some((r) => r.site === c.site && r.status === 'active' && r.link !== null));
  expect(spare, 'the demo has a recalled communicator in stock').toBeTruthy();
  await page.goto('/devices');
  await live(page);
  const row = page.getByRole('row').filter({ has: page.getByRole('button', { name: spare!.serial, exact: true }) });
  await expect(row).toContainText('in a recall');
  const pump = rows.find((r) => r.site === spare!.site && r.status === 'active' && r.link !== null)!;
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('button', { name: /Swap the communicator/ }).click();
  const swap = page.getByRole('dialog', { name: `Swap the communicator: ${pump.serial}` });
  await expect(swap.getByLabel('From stock').locator('option').filter({ hasText: spare!.serial })).toHaveText(/, in a recall$/);
});
