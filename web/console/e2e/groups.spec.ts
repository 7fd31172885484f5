import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from './support';

// Groups and tags: made, changed, filled, used in the filter, and deleted.

test('a group by hand: made, filled, narrowed to, renamed, deleted', async ({ page }) => {
  const name = `Round ${Date.now()}`;
  await open(page, '/groups');
  await page.getByRole('button', { name: 'Make a group' }).click();
  let dialog = page.getByRole('dialog', { name: 'Make a group' });
  await dialog.getByRole('button', { name: 'Make the group' }).click();
  await expect(dialog.getByText('Give it a name.')).toBeVisible();
  await expect(dialog.getByText('Choose the site that it belongs to.')).toBeVisible();
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Site').selectOption({ index: 1 });
  await expectAccessible(page);
  await dialog.getByRole('button', { name: 'Make the group' }).click();
  const sheet = page.getByRole('dialog', { name: `Pumps of ${name}` });
  await sheet.getByLabel('Put in', { exact: true }).fill('ME');
  await sheet.getByRole('button', { name: /^Put in / }).first().click();
  await expect(sheet.getByText('1 pump', { exact: true })).toBeVisible();
  await sheet.getByRole('button', { name: /^Put in / }).first().click();
  await expect(sheet.getByText('2 pumps', { exact: true })).toBeVisible();
  await sheet.getByRole('button', { name: /^Take out / }).first().click();
  await expect(sheet.getByText('1 pump', { exact: true })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');

  await page.goto('/fleet');
  await page.getByRole('button', { name: 'Groups' }).click();
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
  await expect(page).toHaveURL(/q=group/);
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', '2');
  await page.getByRole('button', { name: 'Groups' }).click();
  await expect(page.getByRole('button', { name: new RegExp(`^${name}`) })).toHaveAttribute('aria-pressed', 'true');
  await expectAccessible(page);
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
  await expect(page).not.toHaveURL(/q=/);

  await page.goto('/groups');
  await page.getByRole('button', { name: `Change ${name}` }).click();
  dialog = page.getByRole('dialog', { name: `Change ${name}` });
  await expect(dialog.getByLabel('Its pumps are those that a filter means')).toBeDisabled();
  await dialog.getByLabel('Name').fill(`${name} b`);
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await page.getByRole('button', { name: `Delete ${name} b` }).click();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Delete the group' }).click();
  await expect(page.getByText(`${name} b`)).toHaveCount(0);
});

test('a group by a filter, from the filter of the fleet, says what it means', async ({ page }) => {
  const name = `Filter ${Date.now()}`;
  await open(page, '/fleet?q=battery%3C99%25');
  await page.getByRole('button', { name: 'Groups' }).click();
  await page.getByRole('button', { name: 'Make a group of this filter…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Make a group' });
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Site').selectOption({ label: 'Harbour Pain Clinic' });
  await expect(dialog.getByText(/^\d+ pumps? now$/)).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Filter' }).fill('bateri<5');
  await expect(dialog.getByText(/There is no field "bateri"/)).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Filter' }).fill('battery<99%');
  await dialog.getByRole('button', { name: 'Make the group' }).click();
  await expect(dialog).toBeHidden();
  await page.goto('/groups');
  const count = page.getByRole('link', { name: new RegExp(`pumps? of ${name}`) });
  await expect(count).toBeVisible();
  const { matched } = await (await page.request.get(`/api/v1/pumps/count?q=${encodeURIComponent(`group:"${name}"`)}`)).json() as { matched: number };
  await expect(count).toHaveText(String(matched));
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await page.getByRole('button', { name: 'Delete the group' }).click();
  await expect(page.getByText(name)).toHaveCount(0);
});

test('tags are edited on the page of a pump, and taken from all pumps', async ({ page }) => {
  const tag = `e2e-${Date.now()}`;
  await open(page, '/fleet?q=presence%3Aonline&sort=pump');
  const pump = await page.getByRole('grid').locator('[data-pump]').first().getAttribute('data-pump');
  await page.goto(`/pumps/${pump}?tab=identity`);
  await page.getByRole('button', { name: 'Edit tags…' }).click();
  const dialog = page.getByRole('dialog');
  const before = await dialog.getByLabel('Tags').inputValue();
  await dialog.getByLabel('Tags').fill(`${before} Not/a/tag`);
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await expect(dialog.getByRole('alert')).toContainText('is not 1 to 40 letters');
  await dialog.getByLabel('Tags').fill(`${before} ${tag}`);
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await expect(page.getByRole('link', { name: tag })).toBeVisible();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto('/groups');
  await expect(page.getByRole('link', { name: `1 pump with ${tag}` })).toBeVisible();
  await expectNoSidewaysScroll(page);
  await expectAccessible(page);
  await page.getByRole('button', { name: `Take away ${tag}` }).click();
  const sheet = page.getByRole('dialog');
  await sheet.getByRole('button', { name: 'Take tags away: 1 pump' }).click();
  await expect(sheet.getByText(/^Finished: 1 done/)).toBeVisible();
  await sheet.getByRole('button', { name: 'Close', exact: true }).last().click();
  await expect(page.getByText(tag)).toHaveCount(0);
});
