import { demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, open, type Page, test } from './support';

// Home leads every role to what it works on first, and every count to exactly the pumps that it counts.

async function be(page: Page, login: string): Promise<void> {
  const who = (await demoPeople(page)).find((p) => p.login === login);
  expect(who, `the demo has ${login}`).toBeTruthy();
  expect((await page.request.post('/api/v1/session', { data: { login, password: who!.password } })).ok()).toBe(true);
}

const people = [
  { login: 'anna', cards: ['Alarms', 'Reach', 'Pumps', 'Links', 'Refills', 'Recalls', 'System'] },
  { login: 'miriam', cards: ['Orders waiting for you', 'Your proposals', 'Pumps with alarms', 'Refused by pumps', 'Acts to review', 'Refills'] },
  { login: 'jonas', cards: ['Orders waiting for you', 'Pumps with alarms', 'Refused by pumps', 'Acts to review', 'Refills'] },
  { login: 'rosa', cards: ['Orders waiting for you', 'Refills', 'Pumps with alarms', 'Refused by pumps', 'Recalls'] },
  { login: 'karl', cards: ['Record', 'System', 'Alarms', 'Recalls'] },
  { login: 'ada', cards: ['People', 'System', 'Record', 'Alarms'] },
];

for (const { login, cards } of people) {
  test(`home of ${login}: what the role works on, first things first; axe finds nothing`, async ({ page }) => {
    await be(page, login);
    await page.goto('/');
    await live(page);
    await expect(page.getByText(/^Loading/)).toHaveCount(0);
    const names = await page.locator('main section h2').allTextContents();
    expect(names).toEqual([...cards, 'Last events']);
    await expect(page.getByRole('main').getByRole('alert')).toHaveCount(0);
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectNoSidewaysScroll(page);
  });
}

test('every count of the fleet leads to exactly the pumps that it counts', async ({ page }) => {
  await open(page, '/');
  const counts = page.locator('main a[href^="/fleet"]');
  await expect.poll(() => counts.count(), { timeout: 60_000 }).toBeGreaterThan(3);
  const addresses = await counts.evaluateAll((all) => all.map((a) => a.getAttribute('href')!));
  for (const address of addresses) {
    // The fleet moves on between the two looks; then both are taken again.
    await expect(async () => {
      await page.goto('/');
      const link = page.locator(`main a[href="${address}"]`);
      await expect(link).toBeVisible();
      const n = Number(/^\d+/.exec((await link.textContent())!)![0]);
      await link.click();
      await expect(page.getByRole('heading', { level: 1, name: 'Fleet' })).toBeVisible();
      await expect(page.getByText(new RegExp(`^${n}( of \\d+)? pumps?$`)).first()).toBeVisible({ timeout: 2000 });
    }).toPass({ timeout: 90_000 });
  }
});

test('the rule of silence of each profile in use is there to read', async ({ page }) => {
  await open(page, '/');
  const reach = page.getByRole('region', { name: 'Reach' });
  await reach.getByText('What counts as silent').focus();
  await page.keyboard.press('Enter');
  await expect(reach.getByText(/values are old after .*, offline after .*, an alarm after/).first()).toBeVisible();
  await expectAccessible(page);
});

test('the status names its parts and says until when keys and certificates are good', async ({ page }) => {
  await open(page, '/status');
  for (const name of ['Server', 'Database', 'Endpoint of the pumps', 'Data from pumps', 'Documents for pumps', 'Record', 'Live feed', 'Disk space', 'Keys and certificates']) await expect(page.getByRole('region', { name, exact: true })).toBeVisible();
  const trust = page.getByRole('region', { name: 'Keys and certificates' });
  for (const name of ['Root document', 'Keyset of the pumps', 'Authority of the links', 'Certificate of the endpoint']) await expect(trust.locator('div', { hasText: name }).last()).toContainText(/days left 20\d\d-\d\d-\d\d/);
  await expect(page.getByRole('region', { name: 'Disk space', exact: true })).toContainText(/Free for .*GB/);
  await expect(page.getByRole('main')).not.toContainText(/[a-z]_[a-z]/);
  await page.setViewportSize({ width: 320, height: 640 });
  await expectNoSidewaysScroll(page);
});

test('only who watches the server may ask how it does', async ({ page }) => {
  await be(page, 'rosa');
  expect((await page.request.get('/api/v1/status')).status()).toBe(403);
  await be(page, 'karl');
  expect((await page.request.get('/api/v1/status')).status()).toBe(200);
});

test('help says what one does here, and holds the documents', async ({ page }) => {
  await be(page, 'rosa');
  await page.goto('/help');
  await live(page);
  await expect(page.getByRole('heading', { name: 'What you do here as refill nurse' })).toBeVisible();
  await expect(page.getByRole('heading', { name: /as biomedical engineer/ })).toHaveCount(0);
  await page.getByRole('region', { name: 'Documents' }).getByRole('link', { name: 'Orders', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Orders: how a dose change gets to a pump' })).toBeVisible();
  await expect(page.getByRole('table').first()).toBeVisible();
  await page.goto('/help/permissions');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expectAccessible(page);
  await page.setViewportSize({ width: 320, height: 640 });
  await expectNoSidewaysScroll(page);
  await page.goto('/help/no-such-thing');
  await expect(page.getByText('There is no such document')).toBeVisible();
});
