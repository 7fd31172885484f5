import { expect, expectAccessible, expectNoSidewaysScroll, live, type Page, signIn, signInAs, test } from './support';

// Every screen and every tab, when its answer is refused, when it does not come, and when there is nothing in it. Answers are
// changed at the browser's edge; the session, the sites and the feed stay, so that only the screen's own state is seen.

interface Screen {
  path: string;
  /** What could not be read, as it begins the sentence. */
  what: readonly string[];
  /** What a reader hears while it comes. */
  loading: string;
  role?: string;
  /** What comes all the same, so that the part is reached. */
  kept?: RegExp;
}

const session = /\/api\/v1\/(session|live|sites)/;
/** A pump's page without its tab: the row, its alarms and its details. */
const pump = /\/api\/v1\/(pumps(\?|$)|alarms\?state=active|pumps\/1$)/;

const screens: readonly Screen[] = [
  { path: '/orders', what: ['The list of orders'], loading: 'orders', kept: /\/api\/v1\/(pumps|alarms)/ },
  { path: '/groups', what: ['The list of groups', 'The list of tags'], loading: 'groups' },
  { path: '/work', what: ['The work that is due'], loading: 'the work that is due' },
  { path: '/library', what: ['The list of versions'], loading: 'versions of the drug library' },
  { path: '/library/1', what: ['The version'], loading: 'the version' },
  { path: '/keyset', what: ['The list of keysets'], loading: 'keysets' },
  { path: '/reports', what: ['The figures', 'The report by week', 'What was caught'], loading: 'the reports' },
  { path: '/alarms?show=all', what: ['The alarm list'], loading: 'alarms' },
  { path: '/on-call', what: ['Who is on call'], loading: 'who is on call', role: 'administrator' },
  { path: '/people', what: ['The list of people', 'The list of one-time codes'], loading: 'people', role: 'administrator' },
  { path: '/people?tab=roles', what: ['Who has which role'], loading: 'roles and sites', role: 'administrator' },
  { path: '/people?tab=tokens', what: ['The list of tokens'], loading: 'tokens', role: 'administrator' },
  { path: '/pumps/1', what: ['The telemetry'], loading: 'the charts', kept: pump },
  { path: '/pumps/1?tab=therapy', what: ['What the pump runs', 'The orders of this pump', 'The stops of this pump'], loading: 'what the pump runs', kept: pump },
  { path: '/pumps/1?tab=readings', what: ['The readings'], loading: 'readings', kept: pump },
  { path: '/pumps/1?tab=timeline', what: ['The timeline'], loading: 'the timeline', kept: pump },
  { path: '/pumps/1?tab=alarms', what: ['The alarms of this pump'], loading: 'alarms', kept: pump },
  { path: '/pumps/1?tab=identity', what: ['The maintenance entries'], loading: 'the maintenance entries', kept: pump },
  { path: '/pumps/1?tab=refusals', what: ['The list of refusals'], loading: 'refusals', kept: pump },
  { path: '/pumps/1?tab=identity', what: ['The patient, the program and the identity'], loading: '', kept: /\/api\/v1\/(pumps(\?|$)|alarms\?state=active)/ },
];

const come = async (page: Page, s: Screen) => void (s.role ? await signInAs(page, s.role) : await signIn(page));
const stays = (s: Screen, url: string) => session.test(url) || s.kept?.test(url) === true;

for (const s of screens) {
  test(`${s.path}, refused: says that ${s.what.join(', ').toLowerCase()} could not be read, and another try works`, async ({ page }) => {
    await come(page, s);
    await page.route('**/api/v1/**', (route) => (stays(s, route.request().url()) ? route.continue() : route.fulfill({
      status: 500, contentType: 'application/problem+json', body: JSON.stringify({ title: 'Internal Server Error', status: 500, detail: 'The database does not answer.', request_id: 'req-answers' }),
    })));
    await page.goto(s.path);
    const main = page.getByRole('main');
    for (const what of s.what) {
      const trouble = main.getByRole('alert').filter({ hasText: `${what} could not be read.` });
      await expect(trouble).toContainText('The database does not answer.', { timeout: 20_000 });
      await expect(trouble).toContainText('req-answers');
      await expect(trouble.getByRole('button', { name: 'Try again' })).toBeVisible();
    }
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await expectNoSidewaysScroll(page);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await expect(async () => {
      for (const b of await main.getByRole('button', { name: 'Try again' }).all()) await b.click({ timeout: 1000 });
      await expect(main.getByText('could not be read')).toHaveCount(0, { timeout: 2000 });
    }).toPass({ timeout: 90_000 });
  });
}

test('a screen whose answers do not come is named and says what it waits for', async ({ page }) => {
  const wrong: string[] = [];
  for (const s of screens.filter((x) => x.loading !== '')) {
    await come(page, s);
    await page.route('**/api/v1/**', (route) => (stays(s, route.request().url()) ? route.continue() : undefined));
    await page.goto(s.path);
    const says = page.getByRole('main').getByText(`Loading ${s.loading}…`).first();
    await says.waitFor({ state: 'attached', timeout: 10_000 }).catch(() => wrong.push(`${s.path} does not say that ${s.loading} load`));
    if ((await page.getByRole('main').getByRole('heading', { level: 1 }).count()) !== 1) wrong.push(`${s.path} has no name while it loads`);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  }
  expect(wrong).toEqual([]);
});

/** Every list of an answer without its rows. */
function emptied(body: unknown): unknown {
  if (Array.isArray(body)) return [];
  if (typeof body !== 'object' || body === null) return body;
  return Object.fromEntries(Object.entries(body).map(([k, v]) => [k, Array.isArray(v) ? [] : k === 'next' ? null : v]));
}

const empties: readonly (Pick<Screen, 'path' | 'role' | 'kept'> & { says: RegExp })[] = [
  { path: '/orders', says: /No orders yet.*Prescribers propose them on the pages of pumps/, kept: /\/api\/v1\/(pumps|alarms|libraries)/ },
  { path: '/orders', says: /No orders yet.*proposed on the page of a pump/, role: 'prescriber', kept: /\/api\/v1\/(pumps|alarms|libraries)/ },
  { path: '/groups', says: /No groups yet.*A group holds pumps of one site/ },
  { path: '/work', says: /Nothing is planned.*Plan work on the page of a pump/ },
  { path: '/work', says: /Nothing is planned.*Engineers and nurses plan work/, role: 'auditor' },
  { path: '/library', says: /There is no drug library yet.*ceremony of keys/ },
  { path: '/keyset', says: /There is no keyset.*No pump obeys anybody/ },
  { path: '/reports', says: /No orders in this time.*counted here.*Nothing was caught/ },
  { path: '/recalls', says: /No recall/ },
  { path: '/devices', says: /No communicators yet.*Put one into stock/ },
  { path: '/alarms?show=all', says: /There has never been an alarm.*appears here/ },
  { path: '/on-call', says: /Nobody is on call.*nobody is asked/, role: 'administrator' },
  { path: '/people', says: /Nobody works here yet.*Add the first person/, role: 'administrator' },
  { path: '/people?tab=tokens', says: /You have no tokens.*Tokens are for scripts/, role: 'administrator' },
  { path: '/record', says: /No entries.*begins with the first change/ },
  { path: '/fleet', says: /No pumps yet.*Register a pump/ },
  { path: '/', says: /Connect a pump, or start the emulator/ },
  { path: '/pumps/1?tab=therapy', says: /No order is pending/, kept: /\/api\/v1\/(pumps(\?|$)|pumps\/1(\/therapy)?$|libraries)/ },
  { path: '/pumps/1?tab=readings', says: /Nobody has recorded a reading.*on the tab Live/, kept: pump },
  { path: '/pumps/1?tab=timeline', says: /Nothing has happened yet.*appears here/, kept: pump },
  { path: '/pumps/1?tab=alarms', says: /This pump has never had an alarm.*appears here/, kept: /\/api\/v1\/(pumps(\?|$)|pumps\/1$)/ },
  { path: '/pumps/1?tab=refusals', says: /Nothing was refused.*was good/, kept: pump },
];

test('a screen without anything says what would be there', async ({ page }) => {
  const wrong: string[] = [];
  for (const s of empties) {
    await (s.role ? signInAs(page, s.role) : signIn(page));
    await page.route('**/api/v1/**', async (route) => {
      const url = route.request().url();
      if (route.request().method() !== 'GET' || session.test(url) || s.kept?.test(url) || /\/api\/v1\/(pumps\/fields|audit\/|openapi)/.test(url)) return route.continue();
      const answer = await route.fetch();
      if (!answer.ok()) return route.fulfill({ response: answer });
      return route.fulfill({ response: answer, json: emptied(await answer.json()) });
    });
    await page.goto(s.path);
    await expect(page.getByRole('main')).toContainText(s.says, { timeout: 10_000 }).catch(async () => wrong.push(`${s.path}: ${(await page.getByRole('main').innerText()).slice(0, 400)}`));
    await page.unrouteAll({ behavior: 'ignoreErrors' });
  }
  expect(wrong).toEqual([]);
});

test('home, a pump and the orders say so when the feed is cut, and no longer when it is back', async ({ page }) => {
  const open = new Set<{ close: (o: { code: number }) => Promise<void> }>();
  let cut = false;
  await page.routeWebSocket(/\/api\/v1\/live/, (ws) => {
    if (cut) return void ws.close({ code: 1012 });
    ws.connectToServer();
    open.add(ws);
  });
  await signIn(page);
  for (const { path, says } of [
    { path: '/', says: 'These counts are not current.' }, { path: '/orders', says: 'This list is not current:' }, { path: '/pumps/1', says: 'This page is not current' },
    { path: '/alarms', says: 'This list is not current.' }, { path: '/fleet', says: 'not current' },
  ]) {
    cut = false;
    await page.goto(path);
    await live(page);
    await expect(page.getByRole('main').getByText(says)).toHaveCount(0);
    cut = true;
    for (const ws of open) await ws.close({ code: 1012 });
    open.clear();
    await expect(page.getByRole('main').getByText(says).first()).toBeVisible({ timeout: 20_000 });
    await expect(page.getByText(/Not live since \d\d:\d\d:\d\d\./)).toBeVisible();
    await expectAccessible(page);
    cut = false;
    // It may be back by itself before anybody presses.
    await page.getByRole('button', { name: 'Try now' }).click({ timeout: 2_000 }).catch(() => {});
    await live(page);
    await expect(page.getByRole('main').getByText(says)).toHaveCount(0, { timeout: 10_000 });
  }
});
