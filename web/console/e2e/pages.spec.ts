import { expect, expectAccessible, expectNoSidewaysScroll, open, test } from './support';

const screens = [
  { path: '/', ready: 'Home' },
  { path: '/status', ready: 'System status' },
  { path: '/help', ready: 'Help' },
  { path: '/help/orders', ready: 'Orders: how a dose change gets to a pump' },
  { path: '/alarms', ready: 'Alarms' },
  { path: '/alarms?show=all', ready: 'Alarms' },
  { path: '/record', ready: 'Record' },
  { path: '/reports', ready: 'Reports' },
  { path: '/on-call', ready: 'On call' },
  { path: '/work', ready: 'Maintenance' },
  { path: '/keyset', ready: 'Keyset' },
  { path: '/groups', ready: 'Groups and tags' },
];

for (const { path, ready } of screens) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${path}: axe finds nothing, ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      await open(page, path);
      await expect(page.getByRole('heading', { name: ready, exact: true })).toBeVisible();
      await expect(page.getByText(/^Loading/)).toHaveCount(0);
      await expectAccessible(page);
    });
  }

  test(`${path}: nothing scrolls sideways at 390 px`, async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open(page, path);
    await expect(page.getByText(/^Loading/)).toHaveCount(0);
    await expectNoSidewaysScroll(page);
  });
}

test('the record shows its newest checkpoint and its entries', async ({ page }) => {
  await open(page, '/record');
  const checkpoint = page.getByRole('region', { name: 'Newest checkpoint' });
  await expect(checkpoint.getByText(/^\d+entries$/)).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('list', { name: 'Entries, newest first' }).getByRole('listitem').first()).toBeVisible();
});

test('the menu of the person: themes are chosen there and axe finds nothing', async ({ page }) => {
  await open(page, '/alarms');
  await page.getByRole('button', { name: /\. Menu$/ }).click();
  await page.getByRole('button', { name: 'Dark', exact: true }).click();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  // The bar with its menu: a button of the page that the menu half covers would count as too small.
  await expectAccessible(page, 'header');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
});

test('with reduced motion nothing moves', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, '/fleet');
  await expect(page.getByRole('grid')).toBeVisible();
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
});

test('an address that does not exist says so', async ({ page }) => {
  await page.goto('/nowhere/at/all');
  await expect(page.getByText('There is no such page')).toBeVisible();
  await expectAccessible(page);
});
