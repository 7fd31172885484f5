import { demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, type Page, test } from './support';

async function openAs(page: Page, role: RegExp, path: string): Promise<void> {
  const who = (await demoPeople(page)).find((p) => role.test(p.role) && /all/i.test(p.site))!;
  expect((await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  await page.goto(path);
  await live(page);
}

const panel = (page: Page) => page.getByRole('region', { name: 'Newest checkpoint' });

test('the browser verifies the whole record, and shows the head to compare', async ({ page }) => {
  await openAs(page, /auditor/i, '/record');
  const button = panel(page).getByRole('button', { name: 'Verify all' });
  await expect(button).toBeEnabled({ timeout: 20_000 });
  await button.click();
  await expect(page.locator('[data-verdict="good"]')).toContainText(/Entries 0 to \d+ are as they were signed/, { timeout: 60_000 });
  await expect(page.getByText('Head to compare')).toBeVisible();
  await expectAccessible(page);
  // It remembers what it verified, and that the record goes on from there.
  await panel(page).getByRole('button', { name: 'Verify all' }).click();
  await expect(page.getByText(/what this browser verified before/)).toBeVisible({ timeout: 60_000 });
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a changed byte is named, across the whole page, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.route('**/api/v1/audit/leaves?*', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { places: { index: number; leaf: string | null }[] };
      const place = body.places.find((p) => p.index === 17);
      if (place?.leaf) {
        const raw = Buffer.from(place.leaf, 'base64');
        raw[30]! ^= 1;
        place.leaf = raw.toString('base64');
      }
      await route.fulfill({ response: answer, json: body });
    });
    await openAs(page, /auditor/i, '/record');
    await panel(page).getByRole('button', { name: 'Verify all' }).click();
    const broken = page.locator('[data-verdict="broken"]');
    await expect(broken).toContainText('The record is broken at entry 17', { timeout: 60_000 });
    await expect(broken).toContainText('Entry 17 is not the one that was recorded');
    await expectAccessible(page);
    const [wide, at] = [await panel(page).boundingBox(), await broken.boundingBox()];
    expect(at!.width).toBeGreaterThan(wide!.width - 2);
    await broken.getByRole('button', { name: 'Open the entry' }).click();
    await expect(page.getByRole('dialog', { name: /^Entry 17/ })).toBeVisible();
  });

  test(`an entry opens with its checks, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await openAs(page, /auditor/i, '/record?kind=pump.register');
    await page.getByRole('list', { name: 'Entries, newest first' }).getByRole('button', { name: 'Pump registered' }).first().click();
    const dialog = page.getByRole('dialog', { name: /^Entry \d+/ });
    await expect(dialog.getByText('The entry is in the tree')).toBeVisible({ timeout: 20_000 });
    await expect(dialog.locator('[data-state="good"]')).toHaveCount(5);
    await expect(dialog.locator('[data-state="bad"]')).toHaveCount(0);
    await expect(page).toHaveURL(/entry=\d+/);
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(page).not.toHaveURL(/entry=/);
  });
}

test('filters are in the address, and nothing that matches says so', async ({ page }) => {
  await openAs(page, /engineer/i, '/record');
  await expect(page.getByRole('list', { name: 'Entries, newest first' }).getByRole('listitem').first()).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByLabel('What')).toBeFocused();
  await page.keyboard.type('pump.enrol');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/kind=pump.enrol/);
  await expect(page.getByRole('list', { name: 'Entries, newest first' }).getByRole('button', { name: 'Pump enrolled' }).first()).toBeVisible();
  await page.reload();
  await expect(page.getByLabel('What')).toHaveValue('pump.enrol');
  await page.getByLabel('Object').fill('pump:999999');
  await page.getByLabel('Object').press('Enter');
  await expect(page.getByText('No entry matches')).toBeVisible();
  await expectAccessible(page);
});

test('new entries are offered, not put in', async ({ page }) => {
  await openAs(page, /auditor/i, '/record');
  const list = page.getByRole('list', { name: 'Entries, newest first' });
  await expect(list.getByRole('listitem').first()).toBeVisible();
  const before = await list.getByRole('listitem').first().textContent();
  // A sign-in is an entry.
  const who = (await demoPeople(page))[0]!;
  await page.request.post('/api/v1/session', { data: { login: who.login, password: 'not the password' } });
  const offer = page.getByRole('button', { name: /\d+ new entries: show/ });
  await expect(offer).toBeVisible({ timeout: 60_000 });
  expect(await list.getByRole('listitem').first().textContent()).toBe(before);
  await offer.click();
  await expect.poll(async () => list.getByRole('listitem').first().textContent()).not.toBe(before);
});

test('the bundle is signed for and saved', async ({ page }) => {
  await openAs(page, /auditor/i, '/record');
  const download = page.waitForEvent('download', { timeout: 60_000 });
  await page.getByRole('button', { name: 'Export signed bundle' }).click();
  const confirm = page.getByRole('dialog').getByRole('button', { name: /sign|confirm/i }).last();
  await confirm.click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^cisterna-record-.*\.bundle$/);
});

test('at 390 px nothing scrolls sideways', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await openAs(page, /auditor/i, '/record?kind=pump.register');
  await expect(page.getByText(/^Loading/)).toHaveCount(0);
  await expectNoSidewaysScroll(page);
  await page.getByRole('button', { name: 'Pump registered' }).first().click();
  await expect(page.getByText('The entry is in the tree')).toBeVisible({ timeout: 20_000 });
  await expectNoSidewaysScroll(page);
});
