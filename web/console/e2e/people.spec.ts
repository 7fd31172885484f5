import type { Page } from '@playwright/test';
import { confirm, demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** Opens a page as one of the demo's people, by their role. */
async function openAs(page: Page, role: RegExp, path: string): Promise<void> {
  const who = (await demoPeople(page)).find((p) => role.test(p.role))!;
  const answer = await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } });
  expect(answer.ok()).toBe(true);
  await page.goto(path);
  await live(page);
}

const unique = () => Math.random().toString(36).slice(2, 8);

test('an administrator adds a person, gives and takes roles, and shuts the account', async ({ page }) => {
  const login = `e2e-${unique()}`;
  await openAs(page, /administrator/i, '/people');
  await page.getByRole('button', { name: 'Add a person' }).click();
  const add = page.getByRole('dialog', { name: 'Add a person' });
  await add.getByLabel('Login').fill(login);
  await add.getByLabel('Name').fill('Nora Test');
  await add.getByLabel('Role').selectOption('nurse');
  await add.getByLabel('Reason').fill('starts today');
  await add.getByRole('button', { name: 'Add', exact: true }).click();
  await confirm(page);
  const panel = page.getByRole('region', { name: 'Nora Test' });
  await expect(panel).toBeVisible();
  await expect(page).toHaveURL(/person=\d+/);

  // What does not go together is refused on the page.
  await panel.getByRole('button', { name: 'Give a role…' }).click();
  const give = page.getByRole('dialog', { name: 'Give Nora Test a role' });
  await give.getByLabel('Role').selectOption('admin');
  await expect(give.getByText(/takes part in no dose change/)).toBeVisible();
  const id = new URL(page.url()).searchParams.get('person')!;
  const sites = (await (await page.request.get('/api/v1/sites')).json()) as { id: string }[];
  // Without a fresh signature the server does nothing at all.
  const refused = await page.request.post(`/api/v1/people/${id}/grant`, { data: { site: sites[0]!.id, role: 'engineer', reason: 'trying' } });
  expect(refused.status()).toBe(403);
  expect(((await refused.json()) as { code: string }).code).toBe('step_up_required');
  await give.getByLabel('Role').selectOption('engineer');
  await give.getByLabel('Reason').fill('stands in');
  await give.getByRole('button', { name: 'Give the role' }).click();
  await confirm(page);
  await expect(panel.getByRole('button', { name: /Take away… Biomedical engineer/ })).toBeVisible();

  await panel.getByRole('button', { name: /Take away… Refill nurse/ }).click();
  const take = page.getByRole('dialog', { name: 'Take a role from Nora Test' });
  await take.getByLabel('Reason').fill('no longer');
  await take.getByRole('button', { name: 'Take the role away' }).click();
  await confirm(page);
  await expect(panel.getByRole('button', { name: /Take away… Refill nurse/ })).toHaveCount(0);

  await panel.getByRole('button', { name: 'Shut the account…' }).click();
  const shut = page.getByRole('dialog', { name: 'Shut the account: Nora Test' });
  await shut.getByLabel('Reason').fill('left');
  await shut.getByRole('button', { name: 'Shut the account' }).click();
  await expect(shut.getByText(`Type ${login} to confirm.`)).toBeVisible();
  await shut.getByLabel(`Type the login ${login} to confirm`).fill(login);
  await shut.getByRole('button', { name: 'Shut the account' }).click();
  await confirm(page);
  await expect(panel.getByRole('button', { name: 'Open the account again…' })).toBeVisible();
});

test('an engineer makes a token that works, sees it once, and revokes it', async ({ page, playwright, baseURL }) => {
  await openAs(page, /engineer/i, '/people');
  await expect(page.getByRole('heading', { name: 'API tokens', exact: true })).toBeVisible();
  await expect(page.getByRole('tab')).toHaveCount(0);
  const name = `report ${unique()}`;
  await page.getByRole('button', { name: 'Make a token' }).click();
  const make = page.getByRole('dialog');
  await make.getByLabel('Name').fill(name);
  await make.getByLabel(/Pumps, their readings/).check();
  await make.getByRole('group', { name: 'Where' }).getByRole('checkbox').first().check();
  await make.getByRole('button', { name: 'Make the token' }).click();
  await confirm(page);
  const text = await page.getByLabel('The token', { exact: true }).innerText();
  await page.getByRole('button', { name: 'Done' }).click();
  await expect(page.getByLabel('The token', { exact: true })).toHaveCount(0);

  const program = await playwright.request.newContext({ baseURL: baseURL!, extraHTTPHeaders: { Authorization: `Bearer ${text}` } });
  expect((await program.get('/api/v1/pumps')).status()).toBe(200);
  expect((await program.get('/api/v1/alarms')).status()).toBe(403);
  expect((await program.post('/api/v1/tokens', { data: { name: 'more', scopes: ['pumps.read'], sites: ['1'], days: 1 } })).status()).toBe(403);
  await page.getByRole('button', { name: `Revoke… ${name}` }).click();
  const end = page.getByRole('dialog');
  await end.getByLabel('Reason').fill('done with it');
  await end.getByLabel(`Type the name ${name} to confirm`).fill(name);
  await end.getByRole('button', { name: 'Revoke', exact: true }).click();
  await expect(page.getByRole('button', { name: `Revoke… ${name}` })).toHaveCount(0);
  expect((await program.get('/api/v1/pumps')).status()).toBe(401);
  await program.dispose();
});

test('an auditor sees everybody and changes nobody; a nurse is shown nobody', async ({ page }) => {
  await openAs(page, /auditor/i, '/people');
  await page.getByRole('link', { name: 'Anna Berg' }).click();
  await expect(page.getByRole('region', { name: 'Anna Berg' }).getByText('Biomedical engineer').first()).toBeVisible();
  await expect(page.getByRole('button', { name: /Add a person|Give a role|Shut the account/ })).toHaveCount(0);
  await openAs(page, /nurse/i, '/people');
  await expect(page.getByRole('heading', { name: 'API tokens', exact: true })).toBeVisible();
  expect((await page.request.get('/api/v1/people')).status()).toBe(403);
});

test('keyboard only: to a person, into a dialog and back', async ({ page }) => {
  await openAs(page, /administrator/i, '/people');
  const link = page.getByRole('link', { name: 'Otto Lindqvist' });
  await link.focus();
  await page.keyboard.press('Enter');
  const give = page.getByRole('button', { name: 'Give a role…' });
  await expect(give).toBeVisible();
  await give.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(give).toBeFocused();
  await page.goBack();
  await expect(page).toHaveURL(/\/people$/);
});

const places = [
  { path: '/people', ready: 'Anna Berg' },
  { path: '/people?text=nobody-of-that-name', ready: 'Nobody matches' },
  { path: '/people?person=999999', ready: 'There is no such person' },
  { path: '/people?tab=roles', ready: 'What one person cannot be' },
  { path: '/people?tab=tokens', ready: 'Make a token' },
  { path: '/people?tab=tokens&whose=sites', ready: 'Make a token' },
];
for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any tab, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    for (const { path, ready } of places) {
      await openAs(page, /administrator/i, path);
      await expect(page.getByText(ready, { exact: true }).first()).toBeVisible();
      await expect(page.getByText(/^Loading/)).toHaveCount(0);
      await expectAccessible(page);
    }
    await openAs(page, /administrator/i, '/people');
    await page.getByRole('button', { name: 'Add a person' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Anna Berg' }).click();
    await page.getByRole('button', { name: 'Shut the account…' }).click();
    await expectAccessible(page);
  });
}

test('nothing scrolls sideways at 390 px', async ({ page }) => {
  for (const width of [390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const { path, ready } of places) {
      await openAs(page, /administrator/i, path);
      await expect(page.getByText(ready, { exact: true }).first()).toBeVisible();
      await expectNoSidewaysScroll(page);
    }
  }
});

test('a server that fails shows trouble, and the page stays', async ({ page }) => {
  await openAs(page, /administrator/i, '/people');
  await page.route('**/api/v1/people?**', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ title: 'The server failed', status: 500, request_id: 'REQ-1' }) }));
  await page.getByLabel('Find by name or login').fill('anna');
  await expect(page.getByText('The list of people could not be read.')).toBeVisible();
  await expect(page.getByText('REQ-1')).toBeVisible();
  await expectAccessible(page);
  await page.unroute('**/api/v1/people?**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('link', { name: 'Anna Berg' })).toBeVisible();
});
