import type { Browser, Page } from '@playwright/test';
import { demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** A version of the drug library from its draft to the pumps: written by one, agreed to by another, signed, taken over by a pump. */

async function personOf(browser: Browser, page: Page, login: string, scheme: 'light' | 'dark' = 'light'): Promise<Page> {
  const who = (await demoPeople(page)).find((p) => p.login === login)!;
  const context = await browser.newContext({ baseURL: new URL(page.url()).origin, viewport: { width: 1440, height: 900 }, colorScheme: scheme });
  const mine = await context.newPage();
  expect((await mine.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  return mine;
}

interface Version { version: string; state: string; library: { drugs: { name: string; limits?: { hard_day_ng: string; soft_day_ng?: string }[] }[] } }

async function get<T>(page: Page, path: string): Promise<T> {
  const r = await page.request.get(`/api/v1${path}`);
  expect(r.ok(), `${path}: ${r.status()}`).toBe(true);
  return (await r.json()) as T;
}

const active = async (page: Page): Promise<Version> => (await get<{ items: Version[] }>(page, '/libraries')).items.find((v) => v.state === 'active')!;

async function confirm(page: Page): Promise<void> {
  const button = page.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Confirm', exact: true });
  await button.click();
}

test('a version from its draft to the pumps, by two people', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const priya = await personOf(browser, page, 'priya');
  await priya.goto('/library');
  await live(priya);
  const before = await active(priya);
  await expect(priya.getByText('SAMPLE, UNAPPROVED', { exact: true })).toBeVisible();
  await expect(priya.getByRole('heading', { name: 'What the pumps have' })).toBeVisible();
  await expectAccessible(priya);
  await priya.getByRole('button', { name: 'Draft a new version' }).click();

  // What is wrong is said at its field and in a summary that takes the focus.
  await expect(priya.getByRole('heading', { name: 'New version of the drug library' })).toBeVisible();
  const soft = priya.getByRole('group', { name: 'Cancer pain, intrathecal', exact: true }).getByLabel('Soft limit, 24 h, mg', { exact: true });
  const old = await soft.inputValue();
  await soft.fill('0,5');
  await priya.getByRole('button', { name: 'Save the draft' }).click();
  await expect(priya.getByText('Write a decimal point: a comma is misread.').first()).toBeVisible();
  await soft.fill('99');
  await priya.getByRole('button', { name: 'Save the draft' }).click();
  const summary = priya.getByRole('alert').filter({ hasText: 'to be mended' });
  await expect(summary).toBeFocused();
  await expect(summary).toContainText('2 things');
  await expect(summary).toContainText('The soft limit of 24 hours is above the hard one.');
  await expect(soft).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(priya);
  await summary.getByRole('button', { name: /^Morphine, cancer intrathecal, Soft limit, 24 h/ }).click();
  await expect(soft).toBeFocused();
  await soft.fill('8');
  await priya.getByRole('button', { name: 'Baclofen' }).click();
  await expect(priya.getByRole('group', { name: 'Child, intrathecal' })).toBeVisible();
  await priya.getByLabel('What changes and why').fill('Morphine: a lower soft limit with cancer pain.');
  await priya.getByRole('button', { name: 'Save the draft' }).click();
  await expect(priya).toHaveURL(/\/library\/\d+$/);
  const version = new URL(priya.url()).pathname.split('/').pop()!;

  // What differs, in words; what the bytes hold; whom it touches.
  await expect(priya.getByRole('row', { name: new RegExp(`Morphine Cancer pain, intrathecal Soft limit, 24 h ${old} mg 8 mg lower`) })).toBeVisible();
  await expect(priya.locator('[data-proof="holds"]')).toContainText('Not signed yet.');
  await expect(priya.getByText(/^All \d+ running programs are within this version\./)).toBeVisible();
  await expectAccessible(priya);

  // Nobody else changes it; its author hands it over and cannot agree to it.
  const jonas = await personOf(browser, page, 'jonas', 'dark');
  await jonas.goto(`/library/${version}`);
  await live(jonas);
  await expect(jonas.getByText('Priya Raman still works on it.')).toBeVisible();
  await priya.getByRole('button', { name: 'Hand to a second person' }).click();
  await priya.getByRole('button', { name: 'Hand over' }).click();
  await expect(priya.getByText(/^You wrote it\. A second person/)).toBeVisible();
  await expect(priya.getByRole('button', { name: 'Agree', exact: true })).toHaveCount(0);
  expect((await priya.request.post(`/api/v1/libraries/${version}/approve`, { data: {} })).status()).toBe(403);
  expect((await priya.request.put(`/api/v1/libraries/${version}`, { data: { library: before.library, note: 'x', rev: 1 } })).status()).toBe(409);

  // Somebody without the role is told so, by the page and by the server.
  const anna = await personOf(browser, page, 'anna');
  await anna.goto(`/library/${version}`);
  await live(anna);
  await expect(anna.getByText(/It waits for a pharmacist, verifier or prescriber/)).toBeVisible();
  expect((await anna.request.post(`/api/v1/libraries/${version}/approve`, { data: {} })).status()).toBe(403);

  await jonas.reload();
  await live(jonas);
  await expectAccessible(jonas);
  await jonas.getByRole('button', { name: 'Agree', exact: true }).click();
  await jonas.getByRole('button', { name: 'I have read it and agree' }).click();
  await confirm(jonas);
  // A demo holds the library's key; elsewhere somebody brings the signature.
  await expect(jonas.getByText('Signed. Pumps are given it and judge orders by it.')).toBeVisible({ timeout: 30_000 }); // the key, its proof, then the signing
  await expect(jonas.locator('[data-proof="holds"]')).toContainText('The key that the root names for libraries signed these bytes.');
  expect((await active(jonas)).version).toBe(version);

  // A pump reports it, and the list says so.
  await expect.poll(async () => (await get<{ items: { version: string | null }[] }>(jonas, '/library-pumps')).items.filter((p) => p.version === version).length, { timeout: 90_000 }).toBeGreaterThan(0);
  await jonas.goto('/library');
  await live(jonas);
  await jonas.getByRole('button', { name: /^All \(/ }).click();
  await expect(jonas.getByRole('cell', { name: `version ${version}`, exact: true }).first()).toBeVisible();
  await expect(jonas.getByText(new RegExp(`pumps have version ${version}`))).toBeVisible();
  await expectAccessible(jonas);
  await jonas.setViewportSize({ width: 320, height: 700 });
  await expectNoSidewaysScroll(jonas);
  await jonas.goto(`/library/${version}`);
  await live(jonas);
  await expectNoSidewaysScroll(jonas);
});

test('a version that the second person does not agree to is over', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const priya = await personOf(browser, page, 'priya');
  const base = await active(priya);
  const made = await priya.request.post('/api/v1/libraries', { data: { library: base.library, note: 'As a test, to be rejected' } });
  expect(made.status()).toBe(201);
  const { version } = (await made.json()) as Version;
  expect((await priya.request.post(`/api/v1/libraries/${version}/submit`, { data: {} })).ok()).toBe(true);
  const jonas = await personOf(browser, page, 'jonas');
  await jonas.goto(`/library/${version}`);
  await live(jonas);
  await jonas.getByRole('button', { name: 'Do not agree' }).click();
  await jonas.getByLabel('Reason').fill('The limits are as they were; nothing is to be changed.');
  await jonas.getByRole('button', { name: 'I do not agree' }).click();
  await expect(jonas.getByText('The second person did not agree. Its author drafts another.')).toBeVisible();
  expect((await active(jonas)).version).toBe(base.version);
});

test('a version that would not allow what runs names each pump', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const priya = await personOf(browser, page, 'priya');
  const { library } = await active(priya);
  for (const l of library.drugs.find((d) => d.name === 'Baclofen')!.limits!) {
    for (const k of Object.keys(l).filter((k) => /^(hard|soft)_(hour|day)_ng$/.test(k))) (l as Record<string, string>)[k] = '1000'; // 1 mcg a day, which no pump of them gives
  }
  const made = await priya.request.post('/api/v1/libraries', { data: { library, note: 'As a test: hardly any baclofen' } });
  expect(made.status()).toBe(201);
  const { version } = (await made.json()) as Version;
  const check = await get<{ items: { serial: string }[]; checked: number }>(priya, `/libraries/${version}/check`);
  expect(check.items.length).toBeGreaterThan(0);
  expect(check.items.length).toBeLessThan(check.checked);
  await priya.goto(`/library/${version}`);
  await live(priya);
  await expect(priya.getByText(`${check.items.length} of ${check.checked} running programs would be out of limits.`)).toBeVisible();
  for (const { serial } of check.items) await expect(priya.getByRole('row').filter({ has: priya.getByRole('link', { name: serial, exact: true }) })).toContainText('E_LIMIT');
});

test('the library says what it cannot show', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const priya = await personOf(browser, page, 'priya');
  await priya.goto('/library/9999999');
  await expect(priya.getByRole('heading', { name: 'There is no such version' })).toBeVisible();
  await priya.route('**/api/v1/libraries', (r) => r.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"title":"Not available now","status":503,"code":"unavailable","request_id":"r-1"}' }));
  await priya.goto('/library');
  await expect(priya.getByText('The list of versions could not be read.')).toBeVisible({ timeout: 30_000 }); // after the tries of the page
  await expect(priya.getByText('r-1')).toBeVisible();
  await expectAccessible(priya);
  const anna = await personOf(browser, page, 'anna');
  await anna.goto('/library/new?from=1');
  await expect(anna.getByRole('heading', { name: 'The drug library is written by pharmacists' })).toBeVisible();
});
