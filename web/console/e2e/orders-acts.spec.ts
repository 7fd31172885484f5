import type { Page } from '@playwright/test';
import { write } from './entries';
import { begin, type Found, signedByAll, type Therapy } from './kinds';
import { body, fault, get, personOf } from './ordering';
import { expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** Orders that are no dose: each from its screen through blind entry, signatures and release to what the emulated pump runs, and what its page says of it then. */

const therapyOf = (page: Page, id: string) => get<Therapy>(page, `/pumps/${id}/therapy`);
const infuses = (t: Therapy) => t.report.state.run === 1 && !t.report.foreign && t.report.trusted && t.report.busy === 0;

/** Waits until the server has heard of something. */
async function heard(page: Page, id: string, so: (t: Therapy) => boolean): Promise<Therapy> {
  await expect.poll(async () => so(await therapyOf(page, id)), { timeout: 45_000 }).toBe(true);
  return therapyOf(page, id);
}

/** Chooses a kind of order on the page, gives its reason, and looks at the comparison: the lines that are marked as different. */
async function choose(miriam: Page, kind: string, reason: string): Promise<void> {
  await miriam.getByLabel('What kind of order').selectOption(kind);
  await miriam.getByLabel('Reason', { exact: true }).fill(reason);
}

const marked = (page: Page, name: RegExp) => page.getByRole('row', { name });

/** Axe and a phone find nothing to complain of. */
async function looked(miriam: Page): Promise<void> {
  await expectAccessible(miriam);
  await miriam.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(miriam);
  await miriam.setViewportSize({ width: 1440, height: 900 });
}

async function releaseAndApply(miriam: Page, id: string): Promise<void> {
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.locator(`[data-order="${id}"][data-state="applied"]`)).toBeVisible({ timeout: 60_000 });
}

/** The pump's own page, as somebody opens it afterwards. */
async function openTherapy(page: Page, pump: Found): Promise<void> {
  await page.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(page);
}

test('what another programmer left is adopted', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => infuses(t) && ['continuous', 'flex_day'].includes(t.report.state.program.mode) && t.report.state.contents.ingredients.length === 1);
  await fault(miriam, pump.serial, { kind: 'foreign-program', value: 900 });
  const foreign = await heard(miriam, pump.id, (t) => t.report.foreign);
  await openTherapy(miriam, pump);
  await expect(miriam.getByText('Another maker’s programmer changed this pump.')).toBeVisible();
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  // What one comes for is chosen already.
  await expect(miriam.getByLabel('What kind of order')).toHaveValue('adopt');
  const found = write((BigInt(foreign.report.volume_nl) / 100_000n) * 100_000n - 200_000n, 'mL', 3);
  await miriam.getByLabel('Volume in the reservoir').fill('12,5');
  await expect(miriam.getByText('Write a decimal point: a comma is misread.').first()).toBeVisible();
  await miriam.getByLabel('Volume in the reservoir').fill(found);
  await choose(miriam, 'adopt', 'read out at the bedside: it is meant so');
  await expect(marked(miriam, /^Programmed by another maker’s programmer an order/)).toContainText('changed');
  await expect(marked(miriam, new RegExp(`^Volume in it .*${found.replace('.', '\\.')} mL`))).toContainText('changed');
  await looked(miriam);
  const { id } = await signedByAll(browser, page, miriam, pump.serial);
  await releaseAndApply(miriam, id);
  const after = await therapyOf(miriam, pump.id);
  expect([after.report.foreign, after.report.state.program]).toEqual([false, foreign.report.state.program]);
  expect(Math.abs(Number(BigInt(after.report.volume_nl) - BigInt(Math.round(Number(found) * 1e6))))).toBeLessThan(20_000);
  await openTherapy(miriam, pump);
  await expect(miriam.getByRole('heading', { name: /^Runs: .*infusing$/ })).toBeVisible();
  await expect(miriam.getByText('Another maker’s programmer changed this pump.')).toHaveCount(0);
});

test('a program is erased, and what it ends is said', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => infuses(t) && t.report.state.program.mode === 'flex_day' && t.report.state.contents.ingredients.length === 1);
  await choose(miriam, 'erase', 'the catheter is taken out tomorrow');
  await expect(miriam.getByText('Ending a therapy abruptly is a harm.')).toBeVisible();
  await expect(marked(miriam, /^It is infusing at minimum rate/)).toContainText('changed');
  await expect(marked(miriam, /no such stretch/).first()).toContainText('removed');
  await expect(marked(miriam, /^Volume a day .*only the minimum rate/)).toContainText('changed');
  await looked(miriam);
  const { id } = await signedByAll(browser, page, miriam, pump.serial);
  await releaseAndApply(miriam, id);
  const after = await therapyOf(miriam, pump.id);
  expect([after.report.state.run, after.report.state.program.mode, after.report.state.program.segments]).toEqual([2, 'minimum', []]);
  // The pump itself, not what the server was told.
  expect((await body(miriam, pump.serial)).run).toBe('minimum');
  await openTherapy(miriam, pump);
  await expect(miriam.getByRole('heading', { name: 'Runs: Minimum rate, at minimum rate' })).toBeVisible();
  await expectAccessible(miriam);
});

test('a clock that has lost its word is set', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => infuses(t) && t.report.state.program.mode === 'flex_day' && t.report.state.contents.ingredients.length === 1);
  await fault(miriam, pump.serial, { kind: 'clock-year', value: 1 });
  await heard(miriam, pump.id, (t) => !t.report.trusted);
  await openTherapy(miriam, pump);
  await expect(miriam.getByText('its clock is not trusted')).toBeVisible();
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  await choose(miriam, 'clock', 'the clock lost its time');
  await expect(miriam.getByText('Its program follows the clock, so setting it changes when each dose is given.')).toBeVisible();
  await miriam.getByLabel('Time zone of the patient').fill('1:00');
  await expect(miriam.getByText('Hours and minutes from UTC, as +01:00.').first()).toBeVisible();
  await miriam.getByLabel('Time zone of the patient').fill('+02:00');
  await expect(marked(miriam, /^Time not trusted by the pump the moment of the release/)).toContainText('changed');
  await expect(marked(miriam, /^Time zone .* UTC\+02:00/)).toContainText('changed');
  await looked(miriam);
  // Whoever checks it says the zone from what they know, and not by the page.
  const { id, doc } = await signedByAll(browser, page, miriam, pump.serial, { slip: { name: 'zone', text: '-02:00' } });
  expect(doc.zone_s).toBe(7200);
  await releaseAndApply(miriam, id);
  const after = await heard(miriam, pump.id, (t) => t.report.trusted);
  expect(after.report.state.program).toEqual(pump.therapy.report.state.program);
  await openTherapy(miriam, pump);
  await expect(miriam.getByRole('heading', { name: /^Runs: .*infusing$/ })).toBeVisible();
  await expect(miriam.getByText('its clock is not trusted')).toHaveCount(0);
});

test('a new catheter is primed', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => infuses(t) && t.path.catheter_mm > 0 && t.report.state.contents.ingredients.length === 1);
  await choose(miriam, 'prime', 'the catheter was exchanged');
  // One says what is empty before anything is computed of it.
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam.getByText('Choose what is to be filled.').first()).toBeVisible();
  await miriam.getByLabel('Primed', { exact: true }).selectOption('catheter');
  await miriam.getByLabel('Primed over').fill('45');
  await expect(miriam.getByText('No limit of the drug library counts it.')).toBeVisible();
  await expect(marked(miriam, /^Over none 45 min/)).toContainText('new');
  await expect(marked(miriam, /at once none/).first()).toContainText('new');
  await looked(miriam);
  const { id, doc } = await signedByAll(browser, page, miriam, pump.serial);
  expect(doc.dose).toEqual({ volume_nl: pump.therapy.path.catheter_nl, duration_s: '2700' });
  await releaseAndApply(miriam, id);
  const after = await heard(miriam, pump.id, (t) => t.report.busy === 2);
  expect(after.report.state.program).toEqual(pump.therapy.report.state.program);
  expect(BigInt((await body(miriam, pump.serial)).rate_nl_day) >= (BigInt(doc.dose!.volume_nl) * 86_400n) / 2700n).toBe(true);
  await openTherapy(miriam, pump);
  await expect(miriam.getByText('A priming bolus runs.')).toBeVisible();
  await expectAccessible(miriam);
});

test('a pump goes to another site, whose people see it from then on', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => infuses(t) && t.report.state.contents.ingredients.length === 1 && t.patient !== null);
  await choose(miriam, 'transfer', 'the family moves');
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam.getByText('Choose the site that the pump goes to.').first()).toBeVisible();
  await miriam.getByLabel('The site that it goes to').selectOption({ label: 'Lindenhof Rehabilitation Centre' });
  await expect(marked(miriam, /^Site .*Gereon.*, id .*Lindenhof.*, id /)).toContainText('changed');
  await expect(marked(miriam, /^Epoch of the pump/)).toContainText('changed');
  await looked(miriam);
  // Whoever checks it names the site by themselves.
  const { id } = await signedByAll(browser, page, miriam, pump.serial, { site: 'lindenhof rehabilitation centre', slip: { name: 'site', text: 'St. Gereon' } });
  await releaseAndApply(miriam, id);
  // It is not this site's any more, and the order is kept where it was signed.
  expect((await miriam.request.get(`/api/v1/pumps/${pump.id}/therapy`)).status()).toBe(404);
  await openTherapyGone(miriam, pump);
  const jonas = await personOf(browser, page, 'jonas');
  await openTherapy(jonas, pump);
  await expect(jonas.getByRole('heading', { name: /^Runs: .*infusing$/ })).toBeVisible();
  const after = await therapyOf(jonas, pump.id);
  expect([after.report.state.epoch, after.patient]).toEqual([pump.therapy.report.state.epoch + 1, pump.therapy.patient]);
  expect(after.report.state.program).toEqual(pump.therapy.report.state.program);
  await expectAccessible(jonas);
});

async function openTherapyGone(page: Page, pump: Found): Promise<void> {
  await page.goto(`/pumps/${pump.id}?tab=therapy`);
  await expect(page.getByText(/There is no such pump/)).toBeVisible();
}
