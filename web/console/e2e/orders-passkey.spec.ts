import type { Page, Route } from '@playwright/test';
import { addPasskey, approved, authenticator, body, clinician, type Clinician, enter, get, noPasskeys, type Order, personOf, propose, pumpFor, release, remember, sign, signatures, signStop, stateOf, stopDialog, type Therapy } from './ordering';
import { expect, expectAccessible, live, test } from './support';

/** Doses signed with passkeys: two clinicians, each with an authenticator of their own, a real pump, and a server that lies. */

test.use({ actionTimeout: 20_000 });
test.afterAll(async ({ playwright, baseURL }) => noPasskeys(await playwright.request.newContext(), baseURL!));

interface Keyset { current: boolean; version: string; keyset: { keys: { person: string; key: string; software: boolean }[] } }

test('two clinicians with passkeys change a dose, from proposal to the pump’s answer', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const miriam = await clinician(browser, page, 'miriam');
  const jonas = await clinician(browser, page, 'jonas');
  await expectAccessible(miriam.page);
  const listed = (await get<{ items: Keyset[] }>(miriam.page, '/keysets')).items.find((k) => k.current)!.keyset.keys.filter((k) => !k.software);
  expect(listed.map((k) => k.person)).toEqual(expect.arrayContaining(['miriam', 'jonas']));

  const pump = await pumpFor(miriam.page);
  const before = await body(page, pump.serial);
  const began = [await signatures(miriam), await signatures(jonas)];
  const order = await propose(miriam.page, pump);
  await miriam.page.goto(`/orders/${order.id}`);
  await live(miriam.page);
  await expect(miriam.page.getByText(/^Your passkey “Security key .*” signs\./)).toBeVisible();
  await expectAccessible(miriam.page);
  await sign(miriam.page, pump.serial);
  await expect(miriam.page.getByText(/nobody signs twice/)).toBeVisible();
  expect(await signatures(miriam)).toBe(began[0]! + 1);

  await jonas.page.goto(`/orders/${order.id}`);
  await live(jonas.page);
  // Nothing of the proposal's is to be seen, by the page or by the API.
  const blind = await get<{ document: unknown; bytes: unknown; wish: unknown }>(jonas.page, `/orders/${order.id}`);
  expect([blind.document, blind.bytes, blind.wish]).toEqual([null, null, null]);
  await enter(jonas.page, order.id, pump.serial, order.document!.program!, pump.therapy);
  await jonas.page.getByRole('button', { name: 'Compare' }).click();
  await sign(jonas.page, pump.serial);
  await expect(jonas.page.getByText(/^“I verified this/)).toBeVisible();
  await expect(jonas.page.getByText('The signature holds; this browser checked it.')).toHaveCount(2);
  await expect(jonas.page.getByText(/Keyset \d+, signed by 2 administrators under root/)).toBeVisible();
  expect(await signatures(jonas)).toBe(began[1]! + 1);

  await expect(stateOf(miriam.page, 'approved')).toBeVisible();
  await release(miriam.page);
  await expect(stateOf(miriam.page, 'applied')).toBeVisible({ timeout: 60_000 });
  expect(await signatures(miriam)).toBe(began[0]! + 2);
  await expectAccessible(miriam.page);

  // What was ordered is what the pump runs and what it reports; no key in software took part.
  const done = await get<Order>(miriam.page, `/orders/${order.id}`);
  const keys = await get<{ items: { key: string; software: boolean }[] }>(miriam.page, '/signing-keys');
  expect(done.approvals.map((a) => [a.person.login, a.meaning])).toEqual([['miriam', 'prescribe'], ['jonas', 'verify']]);
  expect(keys.items.find((k) => k.key === done.approvals[0]!.key)!.software).toBe(false);
  const after = await get<Therapy>(miriam.page, `/pumps/${pump.id}/therapy`);
  const self = await body(page, pump.serial);
  expect(after.report.state.program).toEqual(order.document!.program);
  expect([after.drift, after.state_hash, after.report.state.gen]).toEqual([false, self.state_hash, self.gen]);
  expect([self.gen, self.orders.counter]).toEqual([before.gen + 1, before.orders.counter + 1]);
});

test('a passkey that can be copied signs no dose, and cancelling says so', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const priya = await personOf(browser, page, 'priya');
  await priya.goto('/me');
  const key = await authenticator(priya, true);
  remember('priya', { page: priya, ...key });
  await addPasskey(priya, 'In the cloud');
  await expect(priya.getByText('Cannot sign doses:')).toBeVisible();
  await expect(priya.getByRole('heading', { name: 'Signing doses' })).toBeVisible();
  await expect(priya.getByRole('button', { name: 'Let it sign doses: In the cloud' })).toHaveCount(0);
  await key.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: key.authenticator });
});

/** Answers to a page in place of the server, from the server's own answer. */
async function lie<T>(page: Page, url: RegExp, change: (answer: T) => void): Promise<void> {
  await page.route(url, async (route: Route) => {
    const response = await route.fetch();
    if (!response.ok()) return route.fulfill({ response });
    const answer = (await response.json()) as T;
    change(answer);
    await route.fulfill({ response, json: answer });
  });
}

/** The order is open and cannot be signed, because of what the page says; and its authenticator was not asked. */
async function refuses(who: Clinician, order: Order, said: RegExp): Promise<void> {
  const before = await signatures(who);
  await who.page.goto(`/orders/${order.id}`);
  await live(who.page);
  await expect(who.page.getByRole('alert').filter({ hasText: said })).toBeVisible();
  await expect(who.page.getByRole('button', { name: 'Approve and sign' })).toBeDisabled();
  await expectAccessible(who.page);
  expect(await signatures(who)).toBe(before);
  await who.page.unrouteAll();
}

test('a server that shows something else than it has signed gets no signature', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const miriam = await clinician(browser, page, 'miriam');
  const pump = await pumpFor(miriam.page);
  const order = await propose(miriam.page, pump);
  const one = new RegExp(`/api/v1/orders/${order.id}$`);

  await lie<Order>(miriam.page, one, (o) => { o.document!.program!.segments[0]!.volume_nl = '1'; });
  await refuses(miriam, order, /do not say what this page shows\. They differ in: program, segment 1, volume\. Signing is off\./);

  await lie<{ document: { limits: { ingredients: { max_24h_ng: string }[] } } }>(miriam.page, one, (o) => { o.document.limits.ingredients[0]!.max_24h_ng += '0'; });
  await refuses(miriam, order, /They differ in: hard limits, ingredient 1, most in 24 h\./);

  const flip = (text: string, at: number) => `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
  await lie<{ items: { current: boolean; document: string }[] }>(miriam.page, /\/api\/v1\/keysets$/, (k) => {
    const current = k.items.find((x) => x.current)!;
    current.document = flip(current.document, current.document.length - 20); // in the last signature
  });
  await refuses(miriam, order, /Keyset \d+ is not signed by the administrators that the root names\. Signing is off\./);

  // The statement to sign is another order's: the authenticator is never asked.
  const other = await propose(miriam.page, await pumpFor(miriam.page));
  const key = (await get<{ items: { key: string; software: boolean }[] }>(miriam.page, '/signing-keys')).items.find((k) => !k.software)!;
  await miriam.page.route(new RegExp(`/orders/${order.id}/approval$`), async (route) => {
    const asked = route.request().postDataJSON() as { key: string };
    await route.fulfill({ response: await route.fetch({ url: route.request().url().replace(`/${order.id}/`, `/${other.id}/`), postData: JSON.stringify({ ...asked, meaning: 'prescribe' }) }) });
  });
  expect(key).toBeTruthy();
  await miriam.page.goto(`/orders/${order.id}`);
  await live(miriam.page);
  const before = await signatures(miriam);
  await sign(miriam.page, pump.serial);
  await expect(miriam.page.getByText(/The server asks for a signature under something else than you read\. It differs in: which order it is\. Nothing was signed\./)).toBeVisible();
  expect(await signatures(miriam)).toBe(before);
  await miriam.page.unrouteAll();

  // A root that this browser does not know. The one that it knows counts again when the server names it again.
  await miriam.page.evaluate(() => {
    const kept = localStorage.getItem('cisterna-root')!;
    localStorage.setItem('cisterna-root-real', kept);
    localStorage.setItem('cisterna-root', `${kept.slice(0, -1)}${kept.endsWith('A') ? 'E' : 'A'}`);
  });
  await refuses(miriam, order, /names another root than this browser knows/);
  await miriam.page.evaluate(() => localStorage.setItem('cisterna-root', localStorage.getItem('cisterna-root-real')!));
  await miriam.page.goto(`/orders/${order.id}`);
  await live(miriam.page);
  await sign(miriam.page, pump.serial);
  await expect(miriam.page.getByText('“I prescribe this”', { exact: true })).toBeVisible();
});

test('with a passkey one person stops a pump, and two let it run again', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const miriam = await clinician(browser, page, 'miriam');
  const jonas = await clinician(browser, page, 'jonas');
  const pump = await pumpFor(miriam.page);
  const dialog = await stopDialog(jonas.page, pump);
  const began = await signatures(jonas);
  await signStop(dialog, pump.serial);
  await expect(dialog.locator('[data-stop="applied"]').getByText('The pump has answered: it took the stop.')).toBeVisible({ timeout: 45_000 });
  expect(await signatures(jonas)).toBe(began + 1);
  await expect.poll(async () => (await body(page, pump.serial)).run, { timeout: 45_000 }).toBe('stopped');

  // Another person than who stopped it needs a second one to resume.
  await miriam.page.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(miriam.page);
  await expect(miriam.page.getByText(/^Runs: .*stopped$/)).toBeVisible({ timeout: 45_000 });
  await miriam.page.getByRole('link', { name: 'Propose to resume' }).click();
  await miriam.page.getByLabel('Reason', { exact: true }).fill('awake, breathes 14 a minute');
  await expect(miriam.page.getByText('It would take it.')).toBeVisible();
  await miriam.page.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam.page).toHaveURL(/\/orders\/\d+$/);
  const id = new URL(miriam.page.url()).pathname.split('/').pop()!;
  await sign(miriam.page, pump.serial);
  await expect(miriam.page.getByText(/nobody signs twice/)).toBeVisible();
  await expect(miriam.page.getByRole('button', { name: 'Release and sign' })).toHaveCount(0);
  await jonas.page.goto(`/orders/${id}`);
  await live(jonas.page);
  await enter(jonas.page, id, pump.serial, pump.therapy.report.state.program, pump.therapy);
  await jonas.page.getByRole('button', { name: 'Compare' }).click();
  await sign(jonas.page, pump.serial);
  await expect(jonas.page.getByText(/^“I verified this/)).toBeVisible();
  await release(miriam.page);
  await expect(stateOf(miriam.page, 'applied')).toBeVisible({ timeout: 60_000 });
  expect((await body(page, pump.serial)).run).toBe('infusing');
});

test('an order that was signed can be taken back with one signature, and is never released', async ({ page, browser }) => {
  await page.goto('/sign-in');
  const miriam = await clinician(browser, page, 'miriam');
  const jonas = await clinician(browser, page, 'jonas');
  const pump = await pumpFor(miriam.page);
  const order = await approved(miriam.page, [jonas.page], pump);
  await jonas.page.goto(`/orders/${order.id}`);
  await live(jonas.page);
  const began = await signatures(jonas);
  await jonas.page.getByRole('button', { name: 'Withdraw…' }).click();
  const dialog = jonas.page.getByRole('dialog', { name: `Withdraw order ${order.id}` });
  await dialog.getByLabel('Reason').fill('a newer blood count is due first');
  await dialog.getByRole('button', { name: 'Withdraw and sign' }).click();
  await expect(stateOf(jonas.page, 'withdrawn')).toBeVisible();
  expect(await signatures(jonas)).toBe(began + 1);
  await expect(stateOf(miriam.page, 'withdrawn')).toBeVisible();
  await expect(miriam.page.getByRole('button', { name: 'Release and sign' })).toHaveCount(0);
  expect((await body(page, pump.serial)).state_hash).toBe(pump.therapy.state_hash);
});
