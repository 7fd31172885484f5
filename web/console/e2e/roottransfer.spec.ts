import { randomBytes } from 'node:crypto';
import { confirm, demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, type Page, test } from './support';

/** Signs in as an administrator, ada or edda, and opens the identity of a pump. */
async function administrator(page: Page, login: string, pump: string): Promise<void> {
  const who = (await demoPeople(page)).find((p) => p.login === login)!;
  expect((await page.request.post('/api/v1/session', { data: { login, password: who.password } })).ok()).toBe(true);
  await page.goto(`/pumps/${pump}?tab=identity`);
  await live(page);
  await expect(page.getByRole('heading', { name: 'Transfer by the root' })).toBeVisible();
}

/** What the command would write, with a signature of nobody's. */
function forged(body: string): Buffer {
  const b = Buffer.from(body, 'base64url');
  const bytes = (x: Buffer) => Buffer.concat([x.length < 256 ? Buffer.from([0x58, x.length]) : Buffer.from([0x59, x.length >> 8, x.length & 255]), x]);
  return Buffer.from(Buffer.concat([Buffer.from([0x83, 4]), bytes(b), Buffer.from([0x81, 0x82]), bytes(randomBytes(32)), bytes(randomBytes(64))]).toString('base64url') + '\n');
}

test('a transfer by the root is made by one administrator, and what the root did not sign is refused to the other', async ({ page, browser }) => {
  const people = await demoPeople(page);
  const ada = people.find((p) => p.login === 'ada')!;
  expect((await page.request.post('/api/v1/session', { data: { login: 'ada', password: ada.password } })).ok()).toBe(true);
  const found = (await (await page.request.get('/api/v1/pumps')).json()) as { rows: { id: string; serial: string; site: string; status: string; presence: string }[] };
  const sites = (await (await page.request.get('/api/v1/sites')).json()) as { id: string; short: string }[];
  const gereon = sites.find((x) => x.short === 'GEREON')!.id; // where people sign
  const pump = found.rows.find((p) => p.status === 'active' && p.presence === 'online' && p.site !== gereon)!;
  await administrator(page, 'ada', pump.id);

  const all = page.getByRole('list', { name: /^Transfers by the root/ }).locator('> li'); // and not the steps in them
  const make = page.getByRole('button', { name: 'Make what the root signs…' });
  await expect(make).toBeVisible();
  const before = await all.count(); // of a try before this one
  await make.click();
  const dialog = page.getByRole('dialog', { name: `Transfer by the root: ${pump.serial}` });
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await expect(dialog.getByText('Say where it goes.')).toBeVisible();
  await dialog.getByLabel('Site that the pump goes to').selectOption(gereon);
  await dialog.getByLabel('Reason').fill('The house has closed.');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await confirm(page);
  await expect(all).toHaveCount(before + 1);
  const made = all.first();
  await expect(made).toContainText('You made it, so another administrator hands it in.');
  const body = (await made.getByRole('link', { name: /\.body$/ }).getAttribute('href'))!.replace('data:text/plain,', '');
  await expectAccessible(page);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 390, height: 844 });
    await expect(made).toBeVisible();
    await expectNoSidewaysScroll(page);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light' });

  // Whoever made it cannot hand it in, and nobody what the root did not sign.
  const handIn = async (p: Page, says: RegExp) => {
    const chooser = p.waitForEvent('filechooser');
    await p.getByRole('button', { name: 'Hand in the signed file…' }).focus();
    await p.keyboard.press('Enter');
    await (await chooser).setFiles({ name: 'signed', mimeType: 'text/plain', buffer: forged(body) });
    await confirm(p);
    await expect(p.getByRole('alert').filter({ hasText: 'Not handed in.' })).toContainText(says);
  };
  await handIn(page, /S_SECOND.*You made what was signed/);
  const other = await (await browser.newContext({ baseURL: new URL(page.url()).origin })).newPage();
  await administrator(other, 'edda', pump.id);
  await handIn(other, /S_ROOT.*The root did not sign this/);
  await expect(other.getByRole('list', { name: /^Transfers by the root/ }).getByRole('listitem').first()).toContainText('Nobody has handed it in.');
});
