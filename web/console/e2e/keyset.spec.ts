import type { Browser, Page } from '@playwright/test';
import { confirm, demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** Whose signatures count, on the screen; and who is on call, and what sites learn from their orders. */

async function personOf(browser: Browser, page: Page, login: string, scheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const who = (await demoPeople(page)).find((p) => p.login === login)!;
  const context = await browser.newContext({ baseURL: new URL(page.url()).origin, viewport: { width: 1440, height: 900 }, colorScheme: scheme });
  const mine = await context.newPage();
  expect((await mine.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  return mine;
}

test('an administrator has the next keyset signed, and the pumps take it', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const ada = await personOf(browser, page, 'ada');
  await ada.goto('/keyset');
  await live(ada);
  await expect(ada.locator('[data-proof="holds"]')).toContainText('Two administrators whom the root names signed exactly these bytes.');
  await expect(ada.getByRole('cell', { name: 'jonas' }).first()).toBeVisible();
  await expectAccessible(ada);
  const keyset = async () => Number(((await (await ada.request.get('/api/v1/keysets')).json()) as { items: { version: string; current: boolean }[] }).items.find((k) => k.current)!.version);
  const before = await keyset();
  await ada.getByRole('button', { name: 'Draft the next keyset' }).click();
  await ada.getByRole('button', { name: 'Draft', exact: true }).click();
  await expect(ada.getByText('Say why; it goes into the record.')).toBeVisible();
  await ada.getByLabel('Reason').fill('As a test: another ninety days.');
  await ada.getByRole('button', { name: 'Draft', exact: true }).click();
  await ada.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Confirm', exact: true }).click();
  // A demo holds the administrators' keys and signs at once.
  await expect.poll(keyset).toBeGreaterThan(before);
  const now = await keyset();
  await expect(ada.getByRole('heading', { name: `Keyset ${now}, in force` })).toBeVisible({ timeout: 20_000 });
  await ada.getByRole('button', { name: /^All \(/ }).click();
  await expect(ada.getByRole('cell', { name: `keyset ${now}`, exact: true }).first()).toBeVisible({ timeout: 90_000 });
  await expectAccessible(ada);
  await ada.setViewportSize({ width: 320, height: 700 });
  await expectNoSidewaysScroll(ada);

  // Somebody who administers nothing reads it and changes nothing.
  const jonas = await personOf(browser, page, 'jonas', 'dark');
  await jonas.goto('/keyset');
  await live(jonas);
  await expect(jonas.getByRole('heading', { name: /^Keyset \d+, in force/ })).toBeVisible();
  await expect(jonas.getByRole('button', { name: 'Draft the next keyset' })).toHaveCount(0);
  expect((await jonas.request.post('/api/v1/keysets', { data: { reason: 'x' } })).status()).toBe(403);
  await expectAccessible(jonas);
});

test('somebody is put on call and taken off; the reports are there for reading, printing and files', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const jonas = await personOf(browser, page, 'jonas', 'dark');
  await jonas.goto('/on-call');
  await live(jonas);
  await jonas.getByRole('button', { name: 'Put somebody on call' }).click();
  const dialog = jonas.getByRole('dialog', { name: 'Put somebody on call' });
  await dialog.getByLabel('Person').selectOption({ label: 'Dr. Jonas Falk, verifier' });
  await expectAccessible(jonas);
  await dialog.getByRole('button', { name: 'Put on call' }).click();
  const row = jonas.getByRole('row', { name: /Dr\. Jonas Falk/ }).first();
  await expect(row).toContainText('on call now');
  await expectAccessible(jonas);
  await row.getByRole('button', { name: /^Take off/ }).click();
  await jonas.getByRole('dialog').getByRole('button', { name: 'Take off call' }).click();
  await expect(jonas.getByRole('dialog')).toHaveCount(0);
  await jonas.goto('/reports');
  await live(jonas);
  await expect(jonas.getByText('Within the library').first()).toBeVisible();
  await expectAccessible(jonas);
  for (const part of ['By site and week', 'Caught and passed']) {
    const download = jonas.waitForEvent('download');
    await jonas.getByRole('region', { name: part }).getByRole('button', { name: 'CSV' }).click();
    await confirm(jonas);
    expect((await download).suggestedFilename()).toMatch(/\.csv$/);
  }
});
