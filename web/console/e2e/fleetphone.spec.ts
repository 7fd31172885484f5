import { confirm, expect, expectAccessible, expectNoSidewaysScroll, live, open, type Page, test } from './support';

// The fleet on a phone: what a wide screen has beside the list is there too, in a form for a thumb.

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true });

const cards = (page: Page) => page.getByRole('list', { name: 'Pumps' }).locator('[data-pump]');

test('a tap selects in its own mode, and the work is done', async ({ page }) => {
  await open(page, '/fleet?sort=pump');
  const first = await cards(page).nth(0).getAttribute('data-pump');
  await page.getByRole('button', { name: 'Select', exact: true }).click();
  const selected = page.getByRole('region', { name: 'Selected pumps' });
  await expect(selected).toContainText('Tap the pumps that you mean');
  await cards(page).nth(0).tap();
  await cards(page).nth(1).tap();
  await expect(page).toHaveURL(/\/fleet\?/);
  await expect(selected).toContainText('2 pumps selected');
  await cards(page).nth(1).tap();
  await expect(selected).toContainText('1 pump selected');
  await selected.getByRole('button', { name: /^All \d+$/ }).click();
  const all = Number(/\d+/.exec((await selected.getByRole('status').textContent())!)![0]);
  const { matched } = await (await page.request.get('/api/v1/pumps/count')).json() as { matched: number };
  expect(all).toBe(matched);
  await expectAccessible(page);
  await expectNoSidewaysScroll(page);
  await selected.getByRole('button', { name: 'Clear', exact: true }).click();
  await cards(page).nth(0).tap();
  await selected.getByRole('button', { name: /^Work on it/ }).click();
  const tag = `phone-${Date.now()}`;
  const sheet = page.getByRole('dialog');
  await sheet.getByLabel('Tags').fill(tag);
  await sheet.getByRole('button', { name: 'Give tags: 1 pump' }).click();
  await expect(sheet.getByText(/^Finished: 1 done, 0 refused, 0 left/)).toBeVisible();
  await sheet.getByRole('button', { name: 'Close', exact: true }).last().click();
  await selected.getByRole('button', { name: 'Done' }).click();
  await expect(selected).toBeHidden();
  await page.goto(`/fleet?q=tag%3A${tag}`);
  await expect(cards(page)).toHaveCount(1);
  await expect(cards(page).first()).toHaveAttribute('data-pump', first!);
  await cards(page).first().tap();
  await expect(page).toHaveURL(new RegExp(`/pumps/${first}`)); // outside of the mode a tap opens
});

test('fields are chosen, survive a reload, and are what the file holds', async ({ page }) => {
  await open(page, '/fleet?sort=pump');
  await page.getByRole('button', { name: 'Fields' }).click();
  const sheet = page.getByRole('dialog', { name: 'Fields' });
  await sheet.getByRole('checkbox', { name: 'Battery' }).check();
  await sheet.getByRole('checkbox', { name: 'Tags' }).check();
  await sheet.getByRole('button', { name: 'Tags further up' }).click();
  await expectAccessible(page);
  await sheet.getByRole('button', { name: 'Done' }).click();
  await expect(cards(page).first().locator('dt')).toHaveText(['Tags', 'Battery']);
  await page.reload();
  await live(page);
  await expect(cards(page).first().locator('dt')).toHaveText(['Tags', 'Battery']);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  await confirm(page);
  const file = await (await download).createReadStream();
  let text = '';
  for await (const part of file) text += String(part);
  expect(text.split('\r\n')[0]).toMatch(/site,tags,battery_percent,battery_mv$/);
});

test('a view is saved and opened again', async ({ page }) => {
  await open(page, '/fleet?q=battery%3C99%25&sort=battery');
  const name = `Phone ${Date.now()}`;
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('button', { name: 'Save this view…' }).click();
  await page.getByLabel('Name').fill(name);
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.goto('/fleet');
  await live(page);
  await page.getByRole('button', { name: 'Views' }).click();
  await expectAccessible(page, '[role="dialog"]'); // cards that it covers in part are no targets now
  await page.getByRole('button', { name: new RegExp(name) }).click();
  await expect(page).toHaveURL(/q=battery%3C99%25/);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('button', { name: 'Change or delete views…' }).click();
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await expect(page.getByRole('button', { name: `Delete ${name}` })).toHaveCount(0);
});
