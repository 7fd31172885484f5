import type { Page } from '@playwright/test';
import { confirm, demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, type Person, test } from './support';

// Every role of the house (DESIGN.md 1): signs in, is led to what it works on, does its main task by mouse and keyboard, and is not
// offered what it may not do.

interface Row { id: string; serial: string; site: string; status: string; presence: string }

/** Who the demo has in each role, what their home leads with, and where they may go. */
const roles = [
  { login: 'anna', role: 'Biomedical engineer', card: 'Reach', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Maintenance', 'Recalls', 'Drug library', 'Keyset', 'Reports', 'Record', 'Status', 'Help'] },
  { login: 'miriam', role: 'Prescriber', card: 'Orders waiting for you', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Recalls', 'Drug library', 'Keyset', 'On call', 'Reports', 'Record', 'Help'] },
  { login: 'jonas', role: 'Verifier', card: 'Orders waiting for you', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Recalls', 'Drug library', 'Keyset', 'On call', 'Reports', 'Record', 'Help'] },
  { login: 'rosa', role: 'Refill nurse', card: 'Refills', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Maintenance', 'Recalls', 'Drug library', 'Keyset', 'Reports', 'Record', 'Help'] },
  { login: 'priya', role: 'Pharmacist', card: 'Orders waiting for you', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Recalls', 'Drug library', 'Keyset', 'On call', 'Reports', 'Record', 'Help'] },
  { login: 'karl', role: 'Auditor', card: 'Record', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Recalls', 'Drug library', 'Keyset', 'On call', 'Reports', 'Record', 'People', 'Status', 'Help'] },
  { login: 'ada', role: 'Administrator', card: 'People', places: ['Home', 'Fleet', 'Alarms', 'Orders', 'Communicators', 'Recalls', 'Drug library', 'Keyset', 'On call', 'Reports', 'Record', 'People', 'Status', 'Help'] },
] as const;

async function person(page: Page, login: string): Promise<Person> {
  const found = (await demoPeople(page)).find((p) => p.login === login);
  expect(found, `the demo has ${login}`).toBeTruthy();
  return found!;
}

/** Through the sign-in page, with the keyboard alone. */
async function signInByKeyboard(page: Page, login: string): Promise<void> {
  await page.context().clearCookies();
  const who = await person(page, login);
  await page.goto('/sign-in');
  await expect(page.getByLabel('Login')).toBeFocused();
  await page.keyboard.type(who.login);
  await page.keyboard.press('Tab');
  await page.keyboard.type(who.password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
  await live(page);
}

/** Through the demo's buttons, by the pointer. */
async function signInByMouse(page: Page, login: string): Promise<void> {
  await page.context().clearCookies();
  const who = await person(page, login);
  await page.goto('/sign-in');
  await page.getByRole('button', { name: who.name }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
  await live(page);
}

async function get<T>(page: Page, path: string): Promise<T> {
  const r = await page.request.get(`/api/v1${path}`);
  expect(r.ok(), `${path}: ${r.status()}`).toBe(true);
  return (await r.json()) as T;
}

/** A connected pump that runs a plain program without a fault. */
async function runningPump(page: Page, nth: number): Promise<Row> {
  const { rows } = await get<{ rows: Row[] }>(page, '/pumps');
  let seen = 0;
  for (const r of rows.filter((x) => x.status === 'active' && x.presence === 'online')) {
    const answer = await page.request.get(`/api/v1/pumps/${r.id}/therapy`);
    if (!answer.ok()) continue;
    const { report } = (await answer.json()) as { report: { faults: string[]; state: { run: number; program: { mode: string } } } };
    if (['flex_day', 'continuous'].includes(report.state.program.mode) && report.state.run === 1 && report.faults.length === 0 && seen++ === nth) return r;
  }
  throw new Error('the demo has no such pump');
}

/** Nothing on a pump's page that changes a dose or its trust; reading stays. */
async function offersNothingOn(page: Page, pump: Row, names: RegExp): Promise<void> {
  await page.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(page);
  await expect(page.getByRole('heading', { name: pump.serial })).toBeVisible();
  await expect(page.getByRole('heading', { name: /^Runs:/ })).toBeVisible();
  await expect(page.getByRole('button', { name: names })).toHaveCount(0);
  await expect(page.getByRole('link', { name: names })).toHaveCount(0);
}

for (const { login, role, card, places } of roles) {
  test(`${role}: home leads to the work of the role, at both widths, light and dark`, async ({ page }) => {
    await signInByKeyboard(page, login);
    const nav = page.getByRole('navigation', { name: 'Main' }).first();
    expect(await nav.getByRole('link').evaluateAll((all) => all.map((a) => a.getAttribute('title')).filter(Boolean))).toEqual([...places]);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await expect(page.getByRole('region', { name: card, exact: true })).toBeVisible();
        await expect(page.locator('main .ghost')).toHaveCount(0);
        await expectAccessible(page);
        await expectNoSidewaysScroll(page);
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await expect(page.getByRole('button', { name: new RegExp(`${role}\\. Menu$`) })).toBeVisible();
  });
}

test('an engineer filters the fleet, opens a pump, acknowledges an alarm and notes maintenance', async ({ page }) => {
  await signInByMouse(page, 'anna');
  await page.getByRole('navigation', { name: 'Main' }).first().getByRole('link', { name: 'Fleet' }).click();
  await page.getByLabel('Filter by text').fill('alarm:high,medium,low');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/q=alarm/);
  const alarms = await get<{ items: { id: string; pump: string; pump_serial: string; state: string; priority: string }[] }>(page, '/alarms?state=active');
  const alarm = alarms.items.find((a) => a.state === 'active' && a.priority !== 'info')!;
  const row = page.locator(`[role="grid"] [data-pump="${alarm.pump}"]`);
  await row.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: alarm.pump_serial })).toBeVisible();
  const item = page.locator(`[data-alarm="${alarm.id}"]`);
  await item.getByRole('button', { name: /Acknowledge/ }).focus();
  await page.keyboard.press('Enter');
  const ack = page.getByRole('dialog', { name: 'Acknowledge alarm' });
  await ack.getByRole('textbox').fill('On my way');
  await ack.getByRole('button', { name: 'Acknowledge' }).click();
  await expect(item).toContainText('Acknowledged by Anna Berg');

  await page.getByRole('tab', { name: 'Identity' }).click();
  await page.getByRole('button', { name: 'Add an entry' }).click();
  const entry = page.getByRole('dialog', { name: 'Maintenance entry' });
  await entry.getByLabel('Kind').selectOption('inspection');
  const text = `Looked at ${Date.now()}`;
  await entry.getByLabel('What', { exact: true }).fill(text);
  await entry.getByRole('button', { name: 'Keep' }).click();
  await expect(entry).toBeHidden();
  await expect(page.getByText(text)).toBeVisible();

  // Doses are other people's.
  await offersNothingOn(page, await runningPump(page, 0), /Propose|Stop the pump/);
  const refused = await page.request.post(`/api/v1/pumps/${alarm.pump}/orders/check`, { data: { wish: { act: 'resume' } } });
  expect(refused.status()).toBe(403);
});

test('an auditor verifies the record in the browser, and changes nothing', async ({ page }) => {
  await signInByMouse(page, 'karl');
  await page.getByRole('region', { name: 'Record', exact: true }).getByRole('link').first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Record' })).toBeVisible();
  const verify = page.getByRole('button', { name: 'Verify all' });
  await expect(verify).toBeEnabled({ timeout: 20_000 });
  await verify.focus();
  await page.keyboard.press('Enter');
  await expect(page.locator('[data-verdict="good"]')).toContainText(/are as they were signed/, { timeout: 60_000 });

  await page.goto('/alarms');
  await live(page);
  await expect(page.locator('main li[data-alarm]').first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole('button', { name: /Acknowledge/ })).toHaveCount(0);
  await offersNothingOn(page, await runningPump(page, 0), /Propose|Stop the pump|Begin visit|^Actions/);
  await page.goto('/people');
  await expect(page.getByRole('link', { name: 'Anna Berg' })).toBeVisible();
  await expect(page.getByRole('button', { name: /Add a person|Give a role/ })).toHaveCount(0);
});

test('an administrator invites a person with a one-time code that a second one confirms', async ({ page }) => {
  await signInByMouse(page, 'ada');
  await page.getByRole('navigation', { name: 'Main' }).first().getByRole('link', { name: 'People' }).click();
  const login = `roles-${Date.now().toString(36)}`;
  await page.getByRole('button', { name: 'Add a person' }).click();
  const add = page.getByRole('dialog', { name: 'Add a person' });
  await add.getByLabel('Login').fill(login);
  await add.getByLabel('Name').fill('Ines Newcomer');
  await add.getByLabel('Role').selectOption('nurse');
  await add.getByLabel('Reason').fill('starts on Monday');
  await add.getByRole('button', { name: 'Add', exact: true }).focus();
  await page.keyboard.press('Enter');
  await confirm(page);
  const panel = page.getByRole('region', { name: 'Ines Newcomer' });
  await panel.getByRole('button', { name: 'Issue a code…' }).click();
  const issue = page.getByRole('dialog', { name: 'Issue a code for Ines Newcomer' });
  await issue.getByLabel('Reason').fill('came in person, passport seen');
  await issue.getByRole('button', { name: /Issue/ }).click();
  await confirm(page);
  const shown = page.getByRole('dialog', { name: 'A code for Ines Newcomer' });
  await expect(shown.getByLabel('The code', { exact: true })).toHaveText(/^[0-9A-Z]{5}(-[0-9A-Z]{5})+$/);
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(panel.getByText('Another administrator has to confirm it.')).toBeVisible();

  await signInByMouse(page, 'edda');
  await page.goto(`/people?text=${login}`);
  await page.getByRole('list', { name: 'People, by name' }).getByRole('link', { name: 'Ines Newcomer' }).click();
  await page.getByRole('button', { name: 'Confirm it' }).click();
  await confirm(page);
  await expect(page.getByText(/A code to enrol a passkey may be used/)).toBeVisible();
  await offersNothingOn(page, await runningPump(page, 0), /Propose|Stop the pump|Begin visit|^Actions/);
});

test('clinicians: one proposes, others verify, each is offered their own part and no other', async ({ page }) => {
  await signInByMouse(page, 'miriam');
  const pump = await runningPump(page, 3);
  await page.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(page);
  await page.getByRole('link', { name: 'Propose an order' }).click();
  await page.getByLabel('Reason', { exact: true }).fill('as before');
  await expect(page.getByText('It would take it.')).toBeVisible({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(page).toHaveURL(/\/orders\/\d+$/);
  const id = new URL(page.url()).pathname.split('/').pop()!;
  await expect(page.getByRole('button', { name: 'Approve and sign' })).toBeVisible();
  await expect(page.getByRole('heading', { name: /^Verify/ })).toHaveCount(0);
  expect((await page.request.get(`/api/v1/orders/${id}/form`)).status()).toBe(403);

  for (const login of ['jonas', 'priya']) {
    await signInByKeyboard(page, login);
    await page.getByRole('region', { name: 'Orders waiting for you', exact: true }).getByRole('link').first().click();
    await page.goto('/orders');
    await page.getByRole('link', { name: `Verify: order ${id}` }).click();
    await expect(page.getByRole('heading', { name: 'Verify: enter the numbers from your own source' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Approve and sign' })).toHaveCount(0);
    await offersNothingOn(page, pump, /^Propose/);
  }

  // A nurse releases and records; she neither proposes nor verifies.
  await signInByMouse(page, 'rosa');
  const hers = await runningPump(page, 0);
  await offersNothingOn(page, hers, /^Propose/);
  expect((await page.request.get(`/api/v1/orders/${id}`)).status(), 'an order of another site').toBe(404);
  await page.getByRole('tab', { name: 'Readings' }).click();
  await page.getByRole('button', { name: 'Record a reading' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog', { name: `Reading of pump ${hers.serial}` })).toBeVisible();
  await expectAccessible(page);
});
