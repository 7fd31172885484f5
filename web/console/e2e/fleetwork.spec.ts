import { expect, expectAccessible, expectNoSidewaysScroll, live, open, type Page, test } from './support';

// The fleet screen as a tool: the filter language, columns, views, files, and work on many pumps at once.

const rows = (page: Page) => page.getByRole('grid').locator('[data-pump]');

test('the filter language completes, says what is wrong, and narrows', async ({ page }) => {
  await open(page, '/fleet');
  const box = page.getByLabel('Filter by text');
  await box.pressSequentially('pres');
  await expect(page.getByRole('option', { name: /^presence:/ })).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(box).toHaveValue('presence:');
  await expect(page.getByRole('option', { name: 'online' })).toBeVisible();
  await box.pressSequentially('onl');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(box).toHaveValue('presence:online');
  await expect(page).toHaveURL(/q=presence%3Aonline/);
  const { matched } = await (await page.request.get('/api/v1/pumps/count?q=presence:online')).json() as { matched: number };
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', String(matched + 1));
  await box.fill('bateri<40');
  await page.keyboard.press('Enter');
  await expect(page.getByText(/At character 1: There is no field "bateri". Possible here: battery/)).toBeVisible();
  await expectAccessible(page);
});

test('line 31: filter, sort, columns and density survive a reload and can be sent', async ({ page }) => {
  await open(page, '/fleet');
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('checkbox', { name: 'Documents' }).check();
  await page.getByRole('checkbox', { name: 'Firmware' }).uncheck();
  await page.getByRole('button', { name: 'Documents to the left' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('columnheader', { name: 'Battery' }).getByRole('button').click();
  await page.getByRole('button', { name: 'Dense rows' }).click();
  await page.getByLabel('Filter by text').fill('battery<99%');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/cols=.*sync.*&?/);
  await page.reload();
  await live(page);
  await expect(page.getByLabel('Filter by text')).toHaveValue('battery<99%');
  await expect(page.getByRole('columnheader', { name: 'Documents' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'Firmware' })).toHaveCount(0);
  await expect(page.getByRole('columnheader', { name: 'Battery' })).toHaveAttribute('aria-sort', 'ascending');
  await expect(page.getByRole('button', { name: 'Dense rows' })).toHaveAttribute('aria-pressed', 'true');
  const address = page.url();
  await rows(page).first().click();
  await page.goBack();
  expect(page.url()).toBe(address);
});

test('line 32: another filter clears the selection, and the work names count and filter', async ({ page }) => {
  await open(page, '/fleet?q=presence%3Aonline&sort=pump');
  await rows(page).first().getByRole('checkbox').check();
  await rows(page).nth(1).focus();
  await page.keyboard.press(' ');
  const selected = page.getByRole('region', { name: 'Selected pumps' });
  await expect(selected).toContainText('2 pumps selected');
  await page.getByLabel('Filter by text').fill('presence:online,stale');
  await page.keyboard.press('Enter');
  await expect(selected).toBeHidden();
  await page.getByLabel('Select the rows on the screen').check();
  await selected.getByRole('button', { name: /^Select all \d+ that match$/ }).click();
  await expect(selected).toContainText('presence:online,stale');
  await selected.getByRole('button', { name: /^Work on/ }).click();
  const sheet = page.getByRole('dialog');
  await expect(sheet.getByText(/^\d+ pumps$/)).toBeVisible();
  await expect(sheet.getByText('presence:online,stale')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(sheet).toBeHidden();
});

test('work on many pumps: frozen, done, and each outcome is told', async ({ page }) => {
  await open(page, '/fleet?sort=pump&cols=pump%2Ctags');
  const tag = `e2e-${Date.now()}`;
  const first = await rows(page).first().getAttribute('data-pump');
  await rows(page).nth(0).getByRole('checkbox').check();
  await rows(page).nth(1).getByRole('checkbox').check();
  await page.getByRole('button', { name: /^Work on these 2/ }).click();
  const sheet = page.getByRole('dialog');
  await sheet.getByRole('button', { name: 'Give tags: 2 pumps' }).click();
  await expect(sheet.getByText('Name at least one tag.')).toBeVisible();
  await sheet.getByLabel('Tags').fill(tag);
  await sheet.getByRole('button', { name: 'Give tags: 2 pumps' }).dblclick();
  await expect(sheet.getByText(/^Finished: 2 done, 0 refused, 0 left/)).toBeVisible();
  await expectAccessible(page);
  await sheet.getByRole('button', { name: 'Close', exact: true }).last().click();
  await expect(page.locator(`[data-pump="${first}"] [data-key="tags"]`)).toContainText(tag);
  await page.getByLabel('Filter by text').fill(`tag:${tag}`);
  await page.keyboard.press('Enter');
  await expect(rows(page)).toHaveCount(2);
  const { matched } = await (await page.request.get(`/api/v1/pumps/count?q=tag:${tag}`)).json() as { matched: number };
  expect(matched).toBe(2);
});

test('line 33: the file is exactly what is shown', async ({ page }) => {
  await open(page, '/fleet?q=presence%3Aonline%20alarm%3Anone%20OR%20alarm%3Ahigh&sort=-pump&cols=pump%2Csite%2Creservoir%2Cheard');
  const download = page.waitForEvent('download');
  // The keyboard alone, from the button through the dialog that asks who it is.
  await page.getByRole('button', { name: 'CSV' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Confirm' })).toBeFocused();
  await page.keyboard.press('Enter');
  const file = await (await download).createReadStream();
  let text = '';
  for await (const part of file) text += String(part);
  const lines = text.trimEnd().split('\r\n');
  expect(lines[0]).toBe('serial,label,site,reservoir_ml,reservoir_capacity_ml,last_heard');
  const { rows: all } = await (await page.request.get(`/api/v1/pumps/search?limit=1000&sort=-pump&q=${encodeURIComponent('presence:online alarm:none OR alarm:high')}`)).json() as { rows: { serial: string }[] };
  expect(Math.abs(lines.length - 1 - all.length)).toBeLessThanOrEqual(1); // the fleet lives on
  expect(lines[1]!.split(',')[0]).toBe(all[0]!.serial);
  for (const l of lines.slice(1)) expect(l.split(',').at(-1)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('views are saved, opened, shared and deleted', async ({ page }) => {
  await open(page, '/fleet?q=battery%3C99%25&sort=battery&cols=pump%2Cbattery');
  const name = `Weak ${Date.now()}`;
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('button', { name: 'Save this view…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Give it a name.')).toBeVisible();
  await page.getByLabel('Name').fill(name);
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.goto('/fleet');
  await live(page);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('button', { name: new RegExp(name) }).click();
  await expect(page).toHaveURL(/q=battery%3C99%25/);
  await expect(page.getByRole('columnheader')).toHaveCount(3);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('button', { name: 'Change or delete views…' }).click();
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await expect(page.getByRole('button', { name: `Delete ${name}` })).toHaveCount(0);
});

test('line 34: counts lead to what they count', async ({ page }) => {
  await open(page, '/fleet');
  const online = page.getByRole('button', { name: /\d+ online/ });
  const n = Number(/\d+/.exec((await online.textContent())!)![0]);
  await online.click();
  await expect.poll(async () => Math.abs(Number(await page.getByRole('grid').getAttribute('aria-rowcount')) - 1 - n)).toBeLessThanOrEqual(1);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the tools at 1440 and 390, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await open(page, '/fleet?q=presence%3Aonline');
    await page.getByLabel('Select the rows on the screen').check();
    await expectAccessible(page);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/selected-${colorScheme}.png` });
    await page.getByRole('button', { name: /^Work on/ }).click();
    await expect(page.getByRole('dialog').getByText(/pumps?$/).first()).toBeVisible();
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/bulk-${colorScheme}.png` });
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Columns' }).click();
    await expectAccessible(page);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/columns-${colorScheme}.png` });
    await page.keyboard.press('Escape');
    await page.getByLabel('Filter by text').fill('presence:online a');
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/suggest-${colorScheme}.png` });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto('/fleet?q=bateri%3C1');
    await expect(page.getByText(/There is no field/)).toBeVisible();
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/narrow-${colorScheme}.png` });
  });
}
