import type { Page } from '@playwright/test';
import { approved, type Body, body, clinician, endFault, enter, fault, get, groupOf, more, noPasskeys, type Order, post, propose, type Pump, pumpFor, release, sign, stateOf, withPasskey } from './ordering';
import { Caller } from './softkey';
import { demoPeople, expect, expectAccessible, live, test } from './support';

/** What goes wrong with an order, on real pumps by the emulator's control interface: each time the pump has the old or the new. */

test.use({ actionTimeout: 20_000 });
test.describe.configure({ timeout: 300_000 });
test.afterAll(async ({ playwright, baseURL }) => noPasskeys(await playwright.request.newContext(), baseURL!));

const people = async (browser: Parameters<typeof clinician>[0], page: Page) => {
  await page.goto('/sign-in');
  return { miriam: (await clinician(browser, page, 'miriam')).page, jonas: (await clinician(browser, page, 'jonas')).page };
};

interface Letter { kind: string; state: string; code: string | null }
const letters = async (page: Page, order: Order) => (await get<{ letters: Letter[] }>(page, `/orders/${order.id}/history`)).letters.filter((l) => l.kind === 'release');

/** The pump has carried out this order, and done so once. */
async function appliedOnce(page: Page, order: Order, pump: Pump, before: Body, spent = 1): Promise<void> {
  const after = await body(page, pump.serial);
  expect([after.gen, after.orders.counter]).toEqual([before.gen + 1, before.orders.counter + spent]);
  expect(after.state_hash).not.toBe(before.state_hash);
  expect(after.orders.applied.filter((h) => h === order.hash)).toHaveLength(1);
  await expect.poll(async () => (await get<{ state_hash: string }>(page, `/pumps/${pump.id}/therapy`)).state_hash).toBe(after.state_hash);
}

test('an order waits for a pump that is away, and is applied once when it is back', async ({ page, browser }) => {
  const { miriam, jonas } = await people(browser, page);
  const pump = await pumpFor(miriam);
  const before = await body(page, pump.serial);
  const order = await approved(miriam, [jonas], pump);
  await fault(page, pump.serial, { kind: 'link-loss', for: '20m' });
  // An implant may be silent for hours and be well; a release needs one that is there.
  await expect.poll(async () => (await body(page, pump.serial)).connected).toBe(false);
  await release(miriam);
  await expect(miriam.getByText(/^Not released\. S_OFFLINE .*is not connected .*it waits until it expires/)).toBeVisible();
  await expect(miriam.getByText(/^Expires in/)).toBeVisible();
  await expectAccessible(miriam);
  const key = order.approvals[0]?.key ?? (await get<Order>(miriam, `/orders/${order.id}`)).approvals[0]!.key;
  const refused = (await (await post(miriam, `/orders/${order.id}/release`, { key })).json()) as { status: number; detail: string; errors: { location: string }[] };
  expect([refused.status, refused.errors[0]!.location]).toEqual([409, 'order.S_OFFLINE']);
  expect(refused.detail).toContain('it waits until it expires');

  await endFault(page, pump.serial, 'link-loss');
  await expect.poll(async () => (await body(page, pump.serial)).connected, { timeout: 60_000 }).toBe(true);
  await expect.poll(async () => (await post(miriam, `/orders/${order.id}/release`, { key })).ok(), { timeout: 60_000 }).toBe(true);
  await release(miriam);
  await expect(stateOf(miriam, 'applied')).toBeVisible({ timeout: 60_000 });
  await appliedOnce(miriam, order, pump, before);
  expect((await letters(miriam, order)).map((l) => l.state)).toEqual(['applied']);
});

test('an order that nobody can release in time expires, and the pump runs on as it did', async ({ page, browser }) => {
  const { miriam } = await people(browser, page);
  const pump = await pumpFor(miriam);
  const order = await propose(miriam, pump, 90);
  await miriam.goto(`/orders/${order.id}`);
  await live(miriam);
  await fault(page, pump.serial, { kind: 'link-loss', for: '3m' });
  await expect(miriam.getByText(/^Expires in 0[01]:\d\d$/)).toBeVisible();
  await sign(miriam, pump.serial);
  await expect(stateOf(miriam, 'expired')).toBeVisible({ timeout: 150_000 });
  await expect(miriam.getByText('Its time is over. Nothing was changed by it.')).toBeVisible();
  await expect(miriam.getByText(/^E_EXPIRED .*Propose or release again\./)).toBeVisible();
  await expect(miriam.getByText(/^Expires in/)).toHaveCount(0);
  await expectAccessible(miriam);
  await endFault(page, pump.serial, 'link-loss');
  expect((await body(page, pump.serial)).state_hash).toBe(pump.therapy.state_hash);
});

test('the power goes between download and effect: the old runs, the page says so, and a new release applies it once', async ({ page, browser }) => {
  const { miriam, jonas } = await people(browser, page);
  const pump = await pumpFor(miriam);
  const before = await body(page, pump.serial);
  const order = await approved(miriam, [jonas], pump);
  await fault(page, pump.serial, { kind: 'power-cut-order', value: 1 });
  await release(miriam);
  await expect.poll(async () => (await body(page, pump.serial)).power, { timeout: 45_000 }).toBe(false);
  // It has the order and no power: no more is known, and no more is said.
  await expect(stateOf(miriam, 'sent')).toBeVisible();
  await expect(miriam.getByText('Sent is not applied.', { exact: true })).toBeVisible();
  await expect(miriam.getByText(/^May still apply until/)).toBeVisible();

  await expect(stateOf(miriam, 'approved')).toBeVisible({ timeout: 90_000 });
  await expect(miriam.getByText(/^E_POWER .*nothing was changed by it\. Look at what the pump runs, then release it again\./)).toBeVisible();
  await expectAccessible(miriam);
  const between = await body(page, pump.serial);
  expect([between.state_hash, between.program_hash, between.gen]).toEqual([before.state_hash, before.program_hash, before.gen]);
  await expect(miriam.getByText('Fulfilled: Pump online')).toBeVisible({ timeout: 60_000 });
  await release(miriam);
  await expect(stateOf(miriam, 'applied')).toBeVisible({ timeout: 60_000 });
  await appliedOnce(miriam, order, pump, before, 2);
  expect((await letters(miriam, order)).map((l) => l.state).toSorted()).toEqual(['applied', 'refused']);
});

test('the power goes between effect and answer: the new runs, and the page hears of it by itself', async ({ page, browser }) => {
  const { miriam, jonas } = await people(browser, page);
  const pump = await pumpFor(miriam);
  const before = await body(page, pump.serial);
  const order = await approved(miriam, [jonas], pump);
  await fault(page, pump.serial, { kind: 'power-cut-order', value: 2 });
  await release(miriam);
  await expect.poll(async () => (await body(page, pump.serial)).power, { timeout: 45_000 }).toBe(false);
  await expect(stateOf(miriam, 'sent')).toBeVisible();
  await expect(stateOf(miriam, 'applied')).toBeVisible({ timeout: 90_000 });
  await appliedOnce(miriam, order, pump, before);
  expect((await letters(miriam, order)).map((l) => l.state)).toEqual(['applied']);
});

test('a communicator is exchanged while an order is on its way: it reaches the pump once', async ({ page, browser, playwright }) => {
  const { miriam, jonas } = await people(browser, page);
  const pump = await pumpFor(miriam);
  const before = await body(page, pump.serial);
  const order = await approved(miriam, [jonas], pump);
  await fault(page, pump.serial, { kind: 'delay', for: '5m', value: 60_000 }); // what the pump says is a minute under way
  await release(miriam);
  await expect.poll(async () => (await body(page, pump.serial)).gen, { timeout: 45_000 }).toBe(before.gen + 1);
  await expect(stateOf(miriam, 'sent')).toBeVisible();

  const origin = new URL(page.url()).origin;
  const anna = await Caller.signIn(await playwright.request.newContext(), origin, (await demoPeople(page)).find((p) => p.login === 'anna')!);
  const link = `CX${Date.now().toString(36)}`.toUpperCase();
  const { slip } = await anna.call<{ slip: string }>('POST', `/pumps/${pump.id}/communicator`, { serial: link, lost: false, reason: 'its battery swells' });
  await fault(page, pump.serial, { kind: 'communicator-swap', text: `${link} ${slip}` });
  await expect(stateOf(miriam, 'applied')).toBeVisible({ timeout: 90_000 });
  expect((await body(page, pump.serial)).link).toBe(link);
  await appliedOnce(miriam, order, pump, before);
  expect((await letters(miriam, order)).map((l) => l.state)).toEqual(['applied']);
});

test('every refusal that a clinician meets has its code, its words and its remedy', async ({ page, browser }) => {
  const { miriam, jonas } = await people(browser, page);
  const pump = await pumpFor(miriam, 'ME'); // only a motor stalls
  const { program } = pump.therapy.report.state;

  // Above a hard limit: before anything is proposed, on the page and by the API.
  const tenfold = { ...program, segments: program.segments.map((s) => ({ ...s, volume_nl: (BigInt(s.volume_nl) * 40n).toString() })) };
  const over = (await (await post(miriam, `/pumps/${pump.id}/orders`, { wish: { act: 'program', group: await groupOf(miriam, pump), program: tenfold, reason: 'x' } })).json()) as { status: number; errors: { location: string; message: string }[] };
  expect(over.status).toBe(409);
  expect(over.errors.map((e) => e.location)).toContain('order.E_LIMIT');
  expect(over.errors.find((e) => e.location === 'order.E_LIMIT')!.message).toContain('Lower the dose; a soft limit may be passed with a reason, a hard one never.');
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  const field = program.mode === 'flex_day' ? miriam.getByLabel(/^Stretch 1, /) : miriam.getByLabel(/ a day$/);
  await field.fill('900');
  await miriam.getByLabel('Reason', { exact: true }).fill('a slip of the hand');
  await expect(miriam.getByRole('list', { name: 'Refusals' }).getByText('E_LIMIT').first()).toBeVisible();
  await expect(miriam.getByRole('list', { name: 'Refusals' }).getByText(/Lower the dose/).first()).toBeVisible();

  // The proposer does not verify; too few have signed; nobody signs before entering.
  const order = await propose(miriam, pump);
  await miriam.goto(`/orders/${order.id}`);
  await live(miriam);
  await sign(miriam, pump.serial);
  await expect(miriam.getByText(/nobody signs twice/)).toBeVisible();
  await expect(miriam.getByRole('heading', { name: 'Verify: enter the numbers from your own source' })).toHaveCount(0);
  const key = (await get<Order>(miriam, `/orders/${order.id}`)).approvals[0]!.key;
  const jonasKey = (await get<{ items: { key: string; software: boolean; listed: boolean }[] }>(jonas, '/signing-keys')).items.find((k) => !k.software && k.listed)!.key;
  const says = async (who: Page, path: string, data: unknown) => {
    const p = (await (await post(who, path, data)).json()) as { detail: string; errors?: { location: string }[] };
    return [p.errors?.[0]?.location, p.detail];
  };
  expect(await says(miriam, `/orders/${order.id}/verify`, { source: 'calculation', entries: [] })).toEqual(['order.S_OWN', expect.stringContaining('Somebody else checks it.')]);
  expect(await says(miriam, `/orders/${order.id}/release`, { key })).toEqual(['order.E_QUORUM', expect.stringContaining('1 of 2 signatures')]);
  expect(await says(jonas, `/orders/${order.id}/approval`, { key: jonasKey, meaning: 'verify' })).toEqual(['order.S_BLIND', expect.stringContaining('Enter the key numbers')]);

  // Numbers that differ.
  await jonas.goto(`/orders/${order.id}`);
  await live(jonas);
  await enter(jonas, order.id, pump.serial, order.document!.program!, pump.therapy, true);
  await jonas.getByRole('button', { name: 'Compare' }).click();
  await expect(jonas.getByText('S_MISMATCH')).toBeVisible();
  await expect(jonas.getByText(/Look at your source again\. After 2 more differences the order goes back/)).toBeVisible();
  await expectAccessible(jonas);

  // Something about the patient changes: it is stale, and says why.
  await fault(page, pump.serial, { kind: 'stall', for: '20s' });
  await expect(stateOf(miriam, 'stale')).toBeVisible({ timeout: 60_000 });
  await expect(miriam.getByText(/^(S_FACTS something about the patient has changed since\. Look at what is new|E_CAS )/)).toBeVisible();
  await expectAccessible(miriam);
});

test('an order by a library that has changed since is refused, with what to do', async ({ page, browser, playwright }) => {
  const { miriam, jonas } = await people(browser, page);
  const pump = await pumpFor(miriam);
  const order = await approved(miriam, [jonas], pump);
  const origin = new URL(page.url()).origin;
  const priya = await Caller.signIn(await playwright.request.newContext(), origin, (await demoPeople(page)).find((p) => p.login === 'priya')!);
  interface Library { version: string; state: string; rev: number; library: { version: number; drugs: { code: number; source: string }[] } }
  const active = (await priya.call<{ items: Library[] }>('GET', '/libraries')).items.find((l) => l.state === 'active')!;
  const codes = pump.therapy.report.state.contents.ingredients.map((i) => i.code);
  const library = { ...active.library, version: active.library.version + 1, drugs: active.library.drugs.map((d) => (codes.includes(d.code) ? { ...d, source: `${d.source}, read again` } : d)) };
  const draft = await priya.call<Library>('POST', '/libraries', { library, note: 'sources read again' });
  await priya.call('POST', `/libraries/${draft.version}/submit`, {});
  await withPasskey(jonas, `/libraries/${draft.version}/approve`, {});
  await expect.poll(async () => (await body(page, pump.serial)).library, { timeout: 60_000 }).toBe(Number(draft.version));
  await miriam.goto(`/orders/${order.id}`);
  await live(miriam);
  await release(miriam);
  // The server says so, if it has heard already what the pump holds; else the pump does.
  await expect(miriam.getByText(/^(Not released\. E_LIB |the pump refused it: E_LIB\.).*have the library changed by its pharmacists/).first()).toBeVisible({ timeout: 30_000 });
  await expectAccessible(miriam);
  expect((await body(page, pump.serial)).state_hash).toBe(pump.therapy.state_hash);
  // By the new library the same is possible.
  expect(more(pump.therapy.report.state.program)).toEqual(order.document!.program);
  await propose(miriam, pump);
});
