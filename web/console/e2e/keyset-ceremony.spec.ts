import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { type House, houseWithoutKeys, signOffline } from './ceremony';
import { confirm, expect, expectAccessible, expectNoSidewaysScroll, live, type Person, test } from './support';

/** A keyset as a clinic has it signed: the page gives a file, two administrators sign it on computers of their own, and the page takes the lines that they bring back. */

let house: House;
test.beforeAll(async () => {
  house = await houseWithoutKeys();
});
test.afterAll(async () => { await house.stop(); });

async function administrator(browser: Browser, login: string): Promise<Page> {
  const context = await browser.newContext({ baseURL: house.url, viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const { people } = (await (await page.request.get('/api/v1/session/demo')).json()) as { people: Person[] };
  const who = people.find((p) => p.login === login)!;
  expect((await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  await page.goto('/keyset');
  await live(page);
  return page;
}

interface Version { version: string; current: boolean; state: string }
const versions = async (page: Page) => ((await (await page.request.get('/api/v1/keysets')).json()) as { items: Version[] }).items;

/** Takes the file that the page gives. */
async function take(page: Page, version: number): Promise<string> {
  await page.getByRole('button', { name: 'Bring a signature' }).click();
  const dialog = page.getByRole('dialog', { name: `Bring a signature for keyset ${version}` });
  const [file] = await Promise.all([page.waitForEvent('download'), dialog.getByRole('link', { name: `keyset-${version}.body` }).click()]);
  expect(file.suggestedFilename()).toBe(`keyset-${version}.body`);
  const path = join(mkdtempSync(join(tmpdir(), 'cisterna-stick-')), file.suggestedFilename());
  await file.saveAs(path);
  return path;
}

async function bring(page: Page, line: string): Promise<void> {
  const dialog = page.getByRole('dialog', { name: /^Bring a signature/ });
  await dialog.getByLabel('Line with key and signature').fill(line);
  await dialog.getByRole('button', { name: 'Bring the signature' }).click();
}

test('two administrators sign a keyset offline, and the page publishes it', async ({ browser }) => {
  const ada = await administrator(browser, 'ada');
  const before = Number((await versions(ada)).find((k) => k.current)!.version);
  const next = before + 1;
  // The demo has drafted one at its start that nobody signs; the reason is then another.
  await ada.getByRole('button', { name: /^Draft (the next keyset|it again)$/ }).click();
  await ada.getByLabel('Reason').fill('another ninety days');
  await ada.getByRole('button', { name: 'Draft', exact: true }).click();
  await confirm(ada);
  await expect(ada.getByText(/another ninety days$/)).toBeVisible();
  // Nobody signs by itself: the keys are not here.
  await expect(ada.getByRole('heading', { name: `Keyset ${next}, drafted` })).toBeVisible();
  await expect(ada.getByText('0 of 2 signatures.')).toBeVisible();
  expect((await versions(ada)).find((k) => k.current)!.version).toBe(String(before));
  await expectAccessible(ada);

  const file = await take(ada, next);
  await expectAccessible(ada);
  const a = signOffline(join(house.offline, 'admin-a.key'), file);
  // Whoever signs sees whom they let sign, and not only a number.
  expect(a.words).toContain(`Keyset ${next} for ${house.url}`);
  expect(a.words).toContain('miriam');

  // What is no signature is said where it is typed, and nothing is asked of the server.
  await bring(ada, 'admin-a');
  await expect(ada.getByText('Paste the whole line that the command printed, with its braces.')).toBeVisible();
  await bring(ada, a.line.slice(0, -40).concat('"}'));
  await expect(ada.getByText('The signature is missing or cut off.')).toBeVisible();
  const broken = JSON.parse(a.line) as { key: string; signature: string };
  await bring(ada, JSON.stringify({ ...broken, signature: `${broken.signature.startsWith('A') ? 'B' : 'A'}${broken.signature.slice(1)}` }));
  await confirm(ada);
  await expect(ada.getByText('S_ROOT')).toBeVisible();
  await expect(ada.getByText(/Fetch the draft again and sign that/)).toBeVisible();
  await bring(ada, a.line);
  await confirm(ada);
  await expect(ada.getByText('1 of 2 signatures.')).toBeVisible();

  // One person does not bring both, however many keys they hold.
  const b = signOffline(join(house.offline, 'admin-b.key'), file);
  await ada.getByRole('button', { name: 'Bring a signature' }).click();
  await bring(ada, b.line);
  await confirm(ada);
  await expect(ada.getByText('S_SECOND')).toBeVisible();
  await expect(ada.getByText(/A second administrator brings theirs/)).toBeVisible();
  await expectAccessible(ada);
  expect((await versions(ada)).find((k) => k.current)!.version).toBe(String(before));

  const edda = await administrator(browser, 'edda');
  const again = await take(edda, next);
  expect(signOffline(join(house.offline, 'admin-b.key'), again).line).toBe(b.line);
  await bring(edda, b.line);
  await confirm(edda);
  await expect(edda.getByRole('heading', { name: `Keyset ${next}, in force` })).toBeVisible();
  await expect(edda.locator('[data-proof="holds"]').first()).toContainText('Two administrators whom the root names signed exactly these bytes.');
  await expect(edda.getByRole('heading', { name: /, drafted$/ })).toHaveCount(0);

  // The pumps are sent it and say so.
  await edda.getByRole('button', { name: /^All \(/ }).click();
  await expect(edda.getByRole('cell', { name: `keyset ${next}`, exact: true }).first()).toBeVisible({ timeout: 60_000 });
  await expectAccessible(edda);
  await edda.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(edda);
});
