import { readFile } from 'node:fs/promises';
import type { Page } from '@playwright/test';
import { confirm, expect, expectAccessible, expectNoSidewaysScroll, live, open, signIn, test } from './support';

interface Row {
  id: string;
  serial: string;
  status: string;
  presence: string;
}

async function rows(page: Page): Promise<Row[]> {
  return ((await (await page.request.get('/api/v1/pumps')).json()) as { rows: Row[] }).rows;
}

test('a communicator comes into stock, is reserved for a pump, and the reservation ends', async ({ page }) => {
  await open(page, '/devices');
  await page.getByRole('button', { name: 'Put into stock' }).click();
  const form = page.getByRole('dialog', { name: 'Put a communicator into stock' });
  await form.getByRole('button', { name: 'Put into stock' }).click();
  await expect(form.getByText('The serial is missing.')).toBeVisible();
  const serial = `E2E-${Date.now()}`;
  await form.getByLabel('Serial, as printed').fill(serial);
  await form.getByLabel('Model').fill('Brook 2');
  await form.getByLabel('Site').selectOption({ label: 'St. Gereon University Hospital' });
  await form.getByRole('button', { name: 'Put into stock' }).click();
  await expect(form).toBeHidden();
  await page.getByRole('button', { name: serial }).click();
  const sheet = page.getByRole('dialog', { name: `Communicator ${serial}` });
  await sheet.getByRole('button', { name: /Reserve for a pump/ }).click();
  const reserve = page.getByRole('dialog', { name: `Reserve for a pump: ${serial}` });
  await reserve.getByLabel('Serial of the pump').fill('ME990042');
  await reserve.getByLabel('Reason').fill('browser test');
  await reserve.getByRole('button', { name: 'Reserve', exact: true }).click();
  await expect(sheet.getByText('In stock, reserved')).toBeVisible();
  await sheet.getByRole('button', { name: /End the reservation/ }).click();
  const end = page.getByRole('dialog', { name: `End the reservation: ${serial}` });
  await end.getByLabel('Reason').fill('browser test over');
  await end.getByRole('button', { name: 'End the reservation' }).click();
  await expect(sheet.getByText('In stock', { exact: true })).toBeVisible();
  // What takes it out of service is signed for; who would not sign has changed nothing.
  await sheet.getByRole('button', { name: /Report lost/ }).click();
  const lose = page.getByRole('dialog', { name: `Report lost: ${serial}` });
  await lose.getByLabel('Reason').fill('left in a taxi');
  await lose.getByRole('button', { name: 'Report lost' }).click();
  const ask = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await ask.getByRole('button', { name: 'Cancel' }).click();
  await expect(lose.getByText('Not confirmed. Nothing was changed.')).toBeVisible();
  await lose.getByRole('button', { name: 'Report lost' }).click();
  await confirm(page);
  await expect(lose).toBeHidden();
  await expect(sheet.getByText('Lost', { exact: true })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
});

test('a file of communicators is checked before anything is kept', async ({ page }) => {
  await open(page, '/devices');
  await page.getByRole('button', { name: 'Import a file' }).click();
  const dialog = page.getByRole('dialog');
  const serial = `F-${Date.now()}`;
  await dialog.locator('input[type=file]').setInputFiles({ name: 'stock.csv', mimeType: 'text/csv', buffer: Buffer.from(`serial,model,site\n${serial},Brook 2,GEREON\nbad one,Brook 2,GEREON\n`) });
  await expect(dialog.getByText('Nothing has changed yet.')).toBeVisible();
  await expect(dialog.getByRole('region', { name: 'Refused lines' })).toContainText('letters, digits');
  await dialog.getByRole('button', { name: 'Keep 1 communicators' }).click();
  await expect(dialog.getByText('kept')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('button', { name: serial })).toBeVisible();
});

test('a recall: what it finds, who was reached, what was done', async ({ page }) => {
  await signIn(page);
  const pump = (await rows(page)).find((r) => r.serial === 'ME990042')!;
  await page.goto('/recalls');
  await live(page);
  await page.getByRole('button', { name: 'Record a recall' }).click();
  const form = page.getByRole('dialog', { name: 'Record a recall' });
  const reference = `FSN-${Date.now()}`;
  await form.getByLabel('Maker').fill('Meander');
  await form.getByLabel('Reference of the notice').fill(reference);
  await form.getByLabel('Title').fill('A browser test');
  await form.getByLabel('What it says, what to do').fill('Look at it.');
  await form.getByLabel('Where it came from').fill('nowhere');
  await form.getByLabel(/^Serials/).fill('ME990050 to ME990040');
  await form.getByRole('button', { name: 'Show what it finds' }).click();
  await expect(form.getByRole('alert')).toContainText('comes after');
  await form.getByLabel(/^Serials/).fill('ME990040 to ME990050');
  await form.getByRole('button', { name: 'Show what it finds' }).click();
  await expect(form.getByText('of your pumps match')).toBeVisible();
  await expect(form.getByText('serial ME990042 is in ME990040 to ME990050')).toBeVisible();
  await expectAccessible(page);
  await form.getByRole('button', { name: 'Record', exact: true }).click();
  await expect(page.getByRole('heading', { name: new RegExp(reference) })).toBeVisible();
  const row = page.locator('[data-device="ME990042"]');
  await row.getByRole('button', { name: /Log contact/ }).click();
  const contact = page.getByRole('dialog', { name: /Contact about/ });
  await contact.getByLabel('Who was contacted').fill('the family doctor');
  await contact.getByRole('button', { name: 'Log it' }).click();
  await expect(row).toContainText('Reached');
  await row.getByRole('button', { name: /^Close/ }).click();
  const close = page.getByRole('dialog', { name: /Close ME990042/ });
  await close.getByLabel(/Evidence/).fill('seen in the cupboard');
  await close.getByRole('button', { name: 'Close it' }).click();
  await expect(row).toContainText('seen in the cupboard');
  await page.getByRole('button', { name: 'Close the recall' }).click();
  const end = page.getByRole('dialog', { name: new RegExp(`Close recall ${reference}`) });
  await end.getByLabel('Reason').fill('all done');
  await end.getByRole('button', { name: 'Close the recall' }).click();
  await confirm(page);
  await expect(page.getByText('This recall was closed')).toBeVisible();
  await page.goto(`/pumps/${pump.id}?tab=identity`);
  await expect(page.getByRole('link', { name: reference })).toBeVisible();
});

test('a pump is registered by its UDI, and its claim slip fits on A6', async ({ page }) => {
  await open(page, '/pumps/new');
  const udi = page.getByLabel(/^UDI/);
  await udi.fill('(01)00643169001764(21)X1');
  await udi.press('Enter');
  await expect(page.getByText(/check digit of GTIN .* should be 3/)).toBeVisible();
  const serial = `E${Date.now()}`;
  await udi.fill(`(01)00643169001763(10)L7(21)${serial}`);
  await udi.press('Enter');
  await expect(page.getByLabel('Serial', { exact: true })).toHaveValue(serial);
  await expect(page.getByLabel(/^Lot/)).toHaveValue('L7');
  await page.getByLabel('Model', { exact: true }).selectOption('meander-p20');
  await page.getByLabel('Site', { exact: true }).selectOption({ label: 'St. Gereon University Hospital' });
  await page.getByRole('button', { name: 'Register and make a claim slip' }).click();
  await expect(page.getByRole('img', { name: `Claim slip for pump ${serial}` })).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByRole('navigation', { name: 'Main' })).toBeHidden();
  await expect(page.getByText('Good once, for this pump.')).toBeVisible();
  await expect(page.getByText(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/)).toBeVisible();
});

test('a reading is typed, and a correction takes its place without hiding it', async ({ page }) => {
  await signIn(page);
  const pump = (await rows(page)).find((r) => r.status === 'manual')!;
  await page.goto(`/pumps/${pump.id}?tab=readings`);
  await live(page);
  await page.getByRole('button', { name: 'Record a reading' }).click();
  const form = page.getByRole('dialog', { name: `Reading of pump ${pump.serial}` });
  await form.getByLabel(/Residual volume/).fill('7,5');
  await expect(form.getByText('Write a decimal point: a comma is misread.')).toBeVisible();
  await form.getByLabel(/Residual volume/).fill('7.5');
  await form.getByRole('button', { name: 'Keep the reading' }).click();
  await expect(form).toBeHidden();
  const table = page.getByRole('region', { name: 'All readings' });
  await expect(table.getByRole('row').nth(1)).toContainText('7.50');
  await table.getByRole('row').nth(1).getByRole('button', { name: /Correct/ }).click();
  const fix = page.getByRole('dialog', { name: `Correct the reading of ${pump.serial}` });
  await fix.getByLabel(/Residual volume/).fill('7.4');
  await fix.getByLabel('What was wrong').fill('misread');
  await fix.getByRole('button', { name: 'Keep the correction' }).click();
  await expect(fix).toBeHidden();
  await expect(table.getByText('corrected').first()).toBeVisible();
  await expect(table.locator('s', { hasText: '7.50' })).toBeVisible();
});

test('both pages of a replacement show the chain', async ({ page }) => {
  await signIn(page);
  const all = await rows(page);
  const [was, is] = ['ME118803', 'ME990042'].map((s) => all.find((r) => r.serial === s)!);
  for (const [here, other] of [[was!, is!], [is!, was!]] as const) {
    await page.goto(`/pumps/${here.id}?tab=identity`);
    await live(page);
    const chain = page.getByRole('list', { name: /Replacements/ });
    await expect(chain.getByRole('link', { name: other.serial })).toBeVisible();
    await expect(chain).toContainText('Nothing is bound');
  }
});

test('an alarm opens at the side, takes a note, and gives the focus back', async ({ page }) => {
  await open(page, '/alarms');
  const first = page.locator('main li[data-alarm]').first();
  await expect(first).toBeVisible({ timeout: 60_000 });
  // By its id: another may be raised meanwhile and stand above it.
  const item = page.locator(`main li[data-alarm="${await first.getAttribute('data-alarm')}"] button`).first();
  await item.focus();
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByRole('heading', { name: 'History' })).toBeVisible();
  await sheet.getByLabel(/Add a note/).fill('The browser test was here');
  await sheet.getByRole('button', { name: 'Add the note' }).click();
  await expect(sheet.getByText('The browser test was here')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
  await expect(item).toBeFocused();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing and nothing scrolls sideways, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await signIn(page);
    const pump = (await rows(page)).find((r) => r.presence === 'online') ?? (await rows(page))[0]!;
    const recalls = (await (await page.request.get('/api/v1/recalls')).json()) as { id: string }[];
    for (const path of ['/devices', '/devices?open=BROOK-7101', '/recalls', `/recalls/${recalls[0]!.id}`, '/pumps/new', `/pumps/${pump.id}?tab=readings`, `/pumps/${pump.id}?tab=alarms`]) {
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await page.goto(path);
        await live(page);
        await expect(page.locator('main .ghost')).toHaveCount(0);
        await expectAccessible(page);
        await expectNoSidewaysScroll(page);
      }
    }
  });
}

test('the files for a maintenance system are offered where the work is', async ({ page }) => {
  await open(page, '/work');
  for (const [name, head] of [['all assets', 'asset_id,asset_no,kind,'], ['all work', 'work_id,asset_id,kind,']] as const) {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name }).click();
    await confirm(page);
    const file = await download;
    const text = await readFile(await file.path(), 'utf8');
    expect(text.replace(/^\uFEFF/, '').startsWith(head), name).toBe(true);
  }
});
