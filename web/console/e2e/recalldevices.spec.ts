import { confirm, expect, expectAccessible, expectNoSidewaysScroll, open, test } from './support';

// Recalls of communicators, and the work that is due at one's sites.

test('a recall of communicators: what it finds, who was reached, what was done', async ({ page }) => {
  const serial = `EC-${Date.now()}`;
  const reference = `E2E-C-${Date.now()}`;
  await open(page, '/devices');
  await page.getByRole('button', { name: 'Put into stock' }).click();
  const stock = page.getByRole('dialog', { name: 'Put a communicator into stock' });
  await stock.getByLabel('Serial, as printed').fill(serial);
  await stock.getByLabel('Model').fill('Brook E2E');
  await stock.getByLabel('Site').selectOption({ label: 'St. Gereon University Hospital' });
  await stock.getByRole('button', { name: 'Put into stock' }).click();
  await expect(stock).toBeHidden();

  await page.goto('/recalls');
  await page.getByRole('button', { name: 'Record a recall' }).click();
  const form = page.getByRole('dialog', { name: 'Record a recall' });
  await form.getByLabel('It concerns').selectOption('communicator');
  await expect(form.getByLabel('Device identifiers of UDIs')).toHaveCount(0);
  await form.getByLabel('Maker').fill('Brook');
  await form.getByLabel('Reference of the notice').fill(reference);
  await form.getByLabel('Title').fill('Cell may swell');
  await form.getByLabel('What it says, what to do').fill('Exchange it.');
  await form.getByLabel('Where it came from').fill('letter');
  await form.getByLabel('Models').fill('Brook E2E');
  await form.getByLabel('Serials: FIRST to LAST, or one').fill(serial);
  await form.getByRole('button', { name: 'Show what it finds' }).click();
  await expect(form.getByText(/1 of your communicators match/)).toBeVisible();
  await expectAccessible(page);
  await form.getByRole('button', { name: 'Record', exact: true }).click();

  const row = page.locator(`[data-device="${serial}"]`);
  await expect(row).toContainText('open');
  await row.getByRole('button', { name: /Log contact/ }).click();
  const contact = page.getByRole('dialog', { name: `Contact about ${serial}` });
  await contact.getByLabel('Who was contacted').fill('the store');
  await contact.getByRole('button', { name: 'Log it' }).click();
  await expect(row).toContainText('Reached');
  await page.goto(`/devices?open=${serial}`);
  await expect(page.getByRole('dialog').getByText('in a recall')).toBeVisible();
  await page.getByRole('dialog').getByRole('link', { name: reference }).click();
  await row.getByRole('button', { name: /Close…/ }).click();
  const close = page.getByRole('dialog', { name: `Close ${serial}` });
  await close.getByLabel(/Evidence/).fill('cell exchanged');
  await close.getByRole('button', { name: 'Close it' }).click();
  await expect(row).toContainText('cell exchanged');
  await page.getByRole('button', { name: 'Close the recall' }).click();
  const end = page.getByRole('dialog', { name: new RegExp(`Close recall ${reference}`) });
  await end.getByLabel('Reason').fill('done');
  await end.getByRole('button', { name: 'Close the recall' }).click();
  await confirm(page);
  await expect(page.getByText('This recall was closed')).toBeVisible();
  await expectAccessible(page);
});

test('work that is due: what is overdue, done from the list', async ({ page }) => {
  const text = `Checked ${Date.now()}`;
  await open(page, '/work');
  const pumps = ((await (await page.request.get('/api/v1/pumps')).json()) as { rows: { id: string; status: string }[] }).rows;
  const made = await page.request.post(`/api/v1/pumps/${pumps.find((p) => p.status === 'active')!.id}/work`, { data: { kind: 'inspection', text, due_on: '2020-01-31' } });
  expect(made.ok(), await made.text()).toBe(true);
  await page.goto('/work?span=overdue');
  const row = page.getByRole('row').filter({ hasText: text });
  await expect(row).toContainText('2020-01-31');
  await expect(row).toContainText('overdue');
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
  await row.getByRole('button', { name: /^Done…/ }).click();
  const done = page.getByRole('dialog', { name: 'Work done' });
  await done.getByRole('button', { name: 'Done' }).click();
  await expect(done.getByText('Say why; it goes into the record.')).toBeVisible();
  await done.getByLabel('What was found or done').fill('all good');
  await done.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByText(text)).toHaveCount(0);
});
