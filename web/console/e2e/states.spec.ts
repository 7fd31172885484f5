import { expect, expectAccessible, expectNoSidewaysScroll, live, open, type Page, signIn, test } from './support';

// What screens show when there is nothing, nothing yet, or no answer. Answers are held back or refused at the browser's edge;
// the session and the feed stay, so that only the screen's own state is seen.

const kept = /\/api\/v1\/(session|live|sites)/;

async function refuse(page: Page): Promise<void> {
  await page.route('**/api/v1/**', (route) => (kept.test(route.request().url()) ? route.continue() : route.fulfill({
    status: 503, contentType: 'application/problem+json',
    body: JSON.stringify({ title: 'Service Unavailable', status: 503, detail: 'The database does not answer.', request_id: 'req-states' }),
  })));
}

const screens = [
  { path: '/pumps/1', name: 'Pump' },
  { path: '/recalls/1', name: 'Recall' },
  { path: '/recalls', name: 'Recalls' },
  { path: '/devices', name: 'Communicators' },
  { path: '/record', name: 'Record' },
  { path: '/status', name: 'System status' },
  { path: '/pumps/new', name: 'Register pumps' },
  { path: '/me', name: 'Your security' },
  { path: '/orders/1', name: 'Order' },
];

for (const { path, name } of screens) {
  test(`${path} without an answer is named, says so and offers another try, light and dark`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: 'light' });
    await signIn(page);
    await refuse(page);
    await page.goto(path);
    const trouble = page.getByRole('main').getByRole('alert').filter({ hasText: 'could not be read' }).first();
    await expect(trouble).toBeVisible({ timeout: 20_000 });
    await expect(trouble).toContainText('The database does not answer.');
    await expect(trouble).toContainText('req-states');
    await expect(page.getByRole('heading', { level: 1, name, exact: true })).toBeVisible();
    await expectAccessible(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectNoSidewaysScroll(page);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    if (path === '/orders/1') return; // The demo may have no order yet.
    // A screen of several parts has a button for each.
    const again = page.getByRole('main').getByRole('alert').filter({ hasText: 'could not be read' }).getByRole('button', { name: 'Try again' });
    await expect(async () => {
      for (const b of await again.all()) await b.click({ timeout: 1000 });
      await expect(trouble).toHaveCount(0, { timeout: 2000 });
    }).toPass({ timeout: 90_000 });
  });
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`a page that waits for its answer is named, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await signIn(page);
    await page.route('**/api/v1/**', (route) => (kept.test(route.request().url()) ? route.continue() : undefined));
    for (const [path, name] of [['/pumps/1', 'Pump'], ['/recalls/1', 'Recall'], ['/orders/1', 'Order']] as const) {
      await page.goto(path);
      await expect(page.getByRole('heading', { level: 1, name, exact: true })).toHaveCount(1);
      await expect(page.getByText(/^Loading/).first()).toBeAttached();
      await expectAccessible(page);
    }
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  });
}

test('an address that does not exist leaves one in the frame', async ({ page }) => {
  await open(page, '/nowhere/at/all');
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Fleet' }).click();
  await expect(page.getByRole('heading', { name: 'Fleet' })).toBeVisible();
});

test('a recall says why other pumps are not concerned, and what keeps it open', async ({ page }) => {
  await open(page, '/recalls/1');
  await expect(page.getByRole('button', { name: 'Close the recall' })).toBeDisabled();
  await expect(page.getByRole('button', { name: 'Close the recall' })).toHaveAccessibleDescription(/none of your devices is left to do: .*\d+ open/);
  await page.getByText('Pumps that are not concerned, and why').focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('listitem').filter({ hasText: /its serial ME\d+ is in none of the ranges/ }).first()).toBeVisible();
  await expect(page.getByRole('listitem').filter({ hasText: /its maker is Tarn, not Meander/ }).first()).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 320, height: 640 });
  await expectNoSidewaysScroll(page);
});

test('no alarm says of the infusion that there is none', async ({ page }) => {
  await open(page, '/alarms');
  await expect(page.getByText('Infusion: not affected', { exact: false }).first()).toBeVisible();
  await expect(page.getByText('Infusion: none')).toHaveCount(0);
});

test('the timeline leads to what one actor did, in the record', async ({ page }) => {
  await open(page, '/pumps/1?tab=timeline');
  await page.getByRole('link', { name: /^pump over / }).first().click();
  await live(page);
  await expect(page.getByLabel('Who')).toHaveValue(/^device:/);
  await expect(page.getByText('Only of pump 1.')).toBeVisible();
  await expect(page.getByRole('list', { name: 'Entries, newest first' }).getByRole('listitem').first()).toBeVisible();
});

test('home without answers: every card fails alone and says so, and comes back by itself', async ({ page }) => {
  await signIn(page);
  await refuse(page);
  await page.goto('/');
  const troubles = page.getByRole('main').getByRole('alert').filter({ hasText: 'could not be read' });
  await expect(troubles.filter({ hasText: 'The fleet' })).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('region', { name: 'Recalls' }).getByRole('alert')).toContainText('The database does not answer.');
  await expect(page.getByRole('region', { name: 'System' }).getByRole('alert')).toContainText('req-states');
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
  await expectAccessible(page);
  await page.unrouteAll({ behavior: 'ignoreErrors' });
  await page.getByRole('region', { name: 'Recalls' }).getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('region', { name: 'Recalls' }).getByRole('alert')).toHaveCount(0);
  await expect(troubles).toHaveCount(0, { timeout: 45_000 });
});
