import { confirmed, enter, fault, get, littleMore, personOf, prescriber, signBySoftware as sign, signStop, stopDialog, type Therapy } from './ordering';
import { expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** A dose changes on an emulated pump: proposed, entered blindly, signed by people with software keys, released, applied. */

test('a dose change from proposal to the pump, by people with keys of their own', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  await miriam.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(miriam);
  await expect(miriam.getByRole('heading', { name: /^Runs:/ })).toBeVisible();
  await expectAccessible(miriam);
  await miriam.getByRole('link', { name: 'Propose an order' }).click();
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await expect(miriam.getByRole('heading', { name: 'Seven days, rehearsed' })).toBeVisible();
  await expectAccessible(miriam);

  // Limits are there before anything is typed, and entries are refused in words.
  await expect(miriam.getByText(/hard .* in 24 h/).first()).toBeVisible();
  const field = pump.therapy.report.state.program.mode === 'flex_day' ? miriam.getByLabel(/^Stretch 1, /) : miriam.getByLabel(/ a day$/);
  const old = await field.inputValue();
  await field.fill('.5');
  await expect(miriam.getByText('Write a zero before the decimal point.')).toBeVisible();
  await field.fill('0,5');
  await expect(miriam.getByText('Write a decimal point: a comma is misread.')).toBeVisible();
  await field.fill(`${Math.ceil(Number.parseFloat(old) * 9)}`);
  await expect(miriam.getByRole('heading', { name: /Ten times as much|More than a quarter/ })).toBeVisible();
  await field.fill(littleMore(old));
  await miriam.getByLabel('Reason', { exact: true }).fill('pain at night, asked for by the patient');
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam).toHaveURL(/\/orders\/\d+$/);
  const id = new URL(miriam.url()).pathname.split('/').pop()!;
  const order = await get<{ document: { program: Therapy['report']['state']['program'] }; finding: { people: number } }>(miriam, `/orders/${id}`);
  await expect(miriam.getByText(/changes?, marked/)).toBeVisible();
  await expectAccessible(miriam);
  await sign(miriam, pump.serial);
  await expect(miriam.getByText('“I prescribe this”', { exact: true })).toBeVisible();
  await expect(miriam.getByText(/nobody signs twice/)).toBeVisible();

  const others = ['jonas', 'priya'].slice(0, order.finding.people - 1);
  for (const login of others) {
    const other = await personOf(browser, page, login);
    await other.goto(`/orders`);
    await other.getByRole('link', { name: `Verify: order ${id}` }).click();
    await expect(other.getByRole('heading', { name: 'Verify: enter the numbers from your own source' })).toBeVisible();
    // Nothing of the proposal's is to be seen, by the page or by the API.
    const blind = await get<{ document: unknown; bytes: unknown; wish: unknown }>(other, `/orders/${id}`);
    expect([blind.document, blind.bytes, blind.wish]).toEqual([null, null, null]);
    await expectAccessible(other);
    if (login === 'jonas') {
      await enter(other, id, pump.serial, order.document.program, pump.therapy, true);
      await other.getByRole('button', { name: 'Compare' }).click();
      await expect(other.getByText(/^(One number differs|\d numbers differ)\.$/)).toBeVisible();
      await expectAccessible(other);
    }
    await enter(other, id, pump.serial, order.document.program, pump.therapy);
    await other.getByRole('button', { name: 'Compare' }).click();
    await expect(other.getByText(/changes?, marked/)).toBeVisible();
    await sign(other, pump.serial);
    await expect(other.getByText(/^“I verified this/)).toBeVisible();
    await expect(other.getByText('The signature holds; this browser checked it.').first()).toBeVisible();
  }

  await miriam.reload();
  await expect(miriam.getByRole('heading', { name: 'Release', exact: true })).toBeVisible();
  await expectAccessible(miriam);
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.locator('[data-state="applied"]')).toBeVisible({ timeout: 60_000 });
  await expect(miriam.getByText('What is shown is what was signed')).toBeVisible();
  await expectAccessible(miriam);
  const after = await get<Therapy>(miriam, `/pumps/${pump.id}/therapy`);
  expect(after.report.state.program).toEqual(order.document.program);
  expect(after.state_hash).not.toBe(pump.therapy.state_hash);

  // What it changed from stays beside what was applied, for whoever opens it later.
  await miriam.reload();
  await expect(miriam.getByRole('columnheader', { name: 'Ran when proposed' })).toBeVisible();
  await expect(miriam.getByText(/differs? from what ran when this was proposed, marked/)).toBeVisible();
  await expect(miriam.locator('tr[data-changed]').filter({ hasText: 'changed' })).not.toHaveCount(0);
  await expectAccessible(miriam);
});

test('three blind entries that differ send an order back, and its values are never told', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  await miriam.getByLabel('Reason', { exact: true }).fill('the same again');
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam).toHaveURL(/\/orders\/\d+$/);
  const id = new URL(miriam.url()).pathname.split('/').pop()!;
  const jonas = await personOf(browser, page, 'jonas');
  await jonas.goto(`/orders/${id}`);
  for (let i = 0; i < 3; i++) {
    await enter(jonas, id, 'XX000000', pump.therapy.report.state.program, pump.therapy);
    await jonas.getByRole('button', { name: 'Compare' }).click();
    if (i < 2) await expect(jonas.getByText(`After ${2 - i} more`)).toBeVisible();
  }
  await expect(jonas.locator('[data-state="draft"]')).toBeVisible();
  // Its author may propose it as it is, and he would check it.
  await expect(jonas.getByText('You see what it asks for after your own entry.')).toBeVisible();
  const kept = await get<{ blind: boolean; wish: unknown; document: unknown }>(jonas, `/orders/${id}`);
  expect([kept.blind, kept.wish, kept.document]).toEqual([true, null, null]);
});

test('one signature stops a pump, and whoever stopped it resumes it', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  const dialog = await stopDialog(miriam, pump);
  await expect(dialog.getByText('Stopping is a harm, not a safe state.')).toBeVisible();
  await expectAccessible(miriam);
  await signStop(dialog, pump.serial);
  await confirmed(miriam);
  await expect(dialog.locator('[data-stop="applied"]').getByText('The pump has answered: it took the stop.')).toBeVisible({ timeout: 45_000 });
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
  await expect(miriam.getByText(/^Runs: .*stopped$/)).toBeVisible({ timeout: 45_000 });
  await expect(miriam.getByText('The pump has stopped or fallen back').first()).toBeVisible();

  await miriam.getByRole('link', { name: 'Propose to resume' }).click();
  await miriam.getByLabel('Reason', { exact: true }).fill('awake, breathes 14 a minute');
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam).toHaveURL(/\/orders\/\d+$/);
  await sign(miriam, pump.serial);
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.locator('[data-state="applied"]')).toBeVisible({ timeout: 60_000 });

  const jonas = await personOf(browser, page, 'jonas');
  await jonas.goto('/orders');
  await expect(jonas.getByRole('heading', { name: 'Acts of one person, to be looked at' })).toBeVisible();
  await expectAccessible(jonas);
});

test('a draft of what ran before is offered, and does not stand in the form of what one came for', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  await miriam.getByLabel('Reason', { exact: true }).fill('less by day, more by night');
  await expect(miriam.getByText(/Your draft is saved on the server/)).toBeVisible();
  await fault(miriam, pump.serial, { kind: 'foreign-program', value: 900 });
  await expect.poll(async () => (await get<{ report: { foreign: boolean } }>(miriam, `/pumps/${pump.id}/therapy`)).report.foreign, { timeout: 45_000 }).toBe(true);

  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  await expect(miriam.getByText('The pump runs something else than then, so the form shows what it runs now.')).toBeVisible();
  await expect(miriam.getByLabel('What kind of order')).toHaveValue('adopt');
  await expect(miriam.getByLabel('Reason', { exact: true })).toHaveValue('');
  await expectAccessible(miriam);
  await miriam.getByRole('button', { name: 'Take it up' }).click();
  await expect(miriam.getByText('The pump runs something else than then: look at every value again.')).toBeVisible();
  await expect(miriam.getByLabel('What kind of order')).toHaveValue('program');
  await expect(miriam.getByLabel('Reason', { exact: true })).toHaveValue('less by day, more by night');
  await miriam.getByRole('button', { name: 'Discard it and begin anew' }).click();
  await expect(miriam.getByLabel('What kind of order')).toHaveValue('adopt');
  await miriam.goto('/orders');
  await expect(miriam.getByRole('heading', { name: 'Orders', exact: true })).toBeVisible();
  await expect(miriam.getByText(pump.serial).and(miriam.getByRole('list', { name: 'Your drafts' }).locator('*'))).toHaveCount(0);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`the screens of orders fit a phone and axe finds nothing, ${colorScheme}`, async ({ page, browser }) => {
    const { miriam, pump } = await prescriber(browser, page);
    await miriam.emulateMedia({ colorScheme });
    const { items } = await get<{ items: { id: string }[] }>(miriam, '/orders');
    for (const path of ['/orders', ...items.slice(0, 1).map((o) => `/orders/${o.id}`), `/pumps/${pump.id}?tab=therapy`, `/pumps/${pump.id}/propose`]) {
      await miriam.goto(path);
      await expect(miriam.getByRole('heading', { level: 1 })).toBeVisible();
      await expect(miriam.getByText(/^Loading/)).toHaveCount(0);
      await expectAccessible(miriam);
      for (const width of [1440, 390]) {
        await miriam.setViewportSize({ width, height: 844 });
        await expectNoSidewaysScroll(miriam);
      }
      await miriam.setViewportSize({ width: 1440, height: 900 });
    }
  });
}
