import type { Page } from '@playwright/test';
import { body, confirmed, endFault, enter, fault, get, personOf, prescriber, propose, release, signBySoftware as sign, signStop, stateOf, stopDialog, type Therapy } from './ordering';
import { expect, expectAccessible, live, test } from './support';

/** What comes after something went wrong: a stop is followed to the pump, a pump begins again on less, and an order that came back is taken up. */

test.describe.configure({ timeout: 300_000 });

const rehearsal = (page: Page) => page.getByRole('heading', { name: /^Seven days, rehearsed/ });

/** Half of what a program gives, by the field that the form has for it. */
async function halve(page: Page, mode: string): Promise<void> {
  const fields = mode === 'flex_day' ? page.getByLabel(/^Stretch \d+, /) : page.getByLabel(/ a day$/);
  await expect(fields.first()).toBeVisible();
  for (const field of await fields.all()) {
    const text = await field.inputValue();
    const cut = text.split('.')[1]?.length ?? 0;
    const half = (BigInt(text.replace('.', '')) / 2n).toString().padStart(cut + 1, '0');
    await field.fill(cut === 0 ? half : `${half.slice(0, -cut)}.${half.slice(-cut)}`.replace(/\.?0+$/, ''));
  }
}

/** The second person: nothing of the order before their own entry, and its rehearsal before they sign. */
async function checked(jonas: Page, id: string, serial: string, program: Therapy['report']['state']['program'], t: Therapy): Promise<void> {
  await jonas.goto(`/orders/${id}`);
  await live(jonas);
  await expect(jonas.getByRole('heading', { name: 'Verify: enter the numbers from your own source' })).toBeVisible();
  await expect(rehearsal(jonas)).toHaveCount(0);
  const early = await jonas.request.get(`/api/v1/orders/${id}/rehearsal`);
  expect([early.status(), (await early.text()).includes('curve')]).toEqual([409, false]);
  await enter(jonas, id, serial, program, t);
  await jonas.getByRole('button', { name: 'Compare' }).click();
  await expect(rehearsal(jonas)).toBeVisible();
  await expect(jonas.getByRole('button', { name: 'Approve and sign' })).toBeVisible();
  await expectAccessible(jonas);
  await sign(jonas, serial);
  await expect(jonas.getByText(/^“I verified this/)).toBeVisible();
}

test('after an overdose a pump begins again on less, and everybody reads that it is started', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  const dialog = await stopDialog(miriam, pump);
  await signStop(dialog, pump.serial);
  await confirmed(miriam);
  await expect(dialog.locator('[data-stop="applied"]')).toBeVisible({ timeout: 60_000 });
  await expect(dialog.getByText('It says that it stands.')).toBeVisible({ timeout: 45_000 });
  await expectAccessible(miriam);
  await dialog.getByRole('button', { name: 'Close', exact: true }).last().click();
  // One that stands can still be stopped: it may prime.
  await expect(miriam.getByRole('button', { name: 'Stop the pump…' })).toBeVisible();

  await miriam.getByRole('link', { name: 'Propose to resume' }).click();
  await miriam.getByLabel('What kind of order').selectOption('program');
  await halve(miriam, pump.therapy.report.state.program.mode);
  await expect(miriam.getByText('This starts the pump.')).toBeVisible();
  await miriam.getByLabel('Reason', { exact: true }).fill('awake again; half of what it was');
  await miriam.getByLabel(/^Type .* to confirm/).fill((await miriam.getByText(/^Type .* to confirm/).textContent())!.split(' ')[1]!);
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await expectAccessible(miriam);
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam).toHaveURL(/\/orders\/\d+$/);
  const id = new URL(miriam.url()).pathname.split('/').pop()!;
  const order = await get<{ document: { program: Therapy['report']['state']['program'] } }>(miriam, `/orders/${id}`);
  await expect(miriam.getByText('This starts the pump.')).toBeVisible();
  await expect(rehearsal(miriam)).toBeVisible();
  await sign(miriam, pump.serial);
  await expect(miriam.getByText(/nobody signs twice/)).toBeVisible();
  const jonas = await personOf(browser, page, 'jonas');
  await checked(jonas, id, pump.serial, order.document.program, pump.therapy);
  await expect(miriam.getByRole('heading', { name: 'Release', exact: true })).toBeVisible();
  await expect(miriam.getByText('This starts the pump.').first()).toBeVisible();
  await release(miriam);
  await expect(stateOf(miriam, 'applied')).toBeVisible({ timeout: 60_000 });
  await expect.poll(async () => (await get<Therapy>(miriam, `/pumps/${pump.id}/therapy`)).report.state).toMatchObject({ run: 1, program: order.document.program });
});

test('a stop for a pump that is away says so before and after it is signed, and is followed to the pump', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  // A key of hers that the pump has heard of: one that is made while it is away counts there only after its next keyset.
  const order = await propose(miriam, pump);
  await miriam.goto(`/orders/${order.id}`);
  await live(miriam);
  await sign(miriam, pump.serial);
  await expect(miriam.getByText(/nobody signs twice/)).toBeVisible();
  await expect.poll(async () => {
    const newest = (await get<{ items: { keyset: { version: number } }[] }>(miriam, '/keysets')).items.reduce((v, k) => Math.max(v, k.keyset.version), 0);
    return (await get<{ items: { pump: string; version: string | null }[] }>(miriam, '/keyset-pumps')).items.find((k) => k.pump === pump.id)?.version === String(newest);
  }, { timeout: 60_000 }).toBe(true);
  await fault(miriam, pump.serial, { kind: 'link-loss', for: '10m' });
  await expect.poll(async () => (await get<{ connected: boolean }>(miriam, `/pumps/${pump.id}/letters`)).connected, { timeout: 60_000 }).toBe(false);
  const dialog = await stopDialog(miriam, pump);
  const away = dialog.getByText('The pump is not connected: the stop will not reach it now.');
  await expect(away).toBeVisible();
  await signStop(dialog, pump.serial);
  await confirmed(miriam);
  await expect(dialog.getByText('The stop is signed and on its way.')).toBeVisible();
  await expect(away).toBeVisible();
  await expectAccessible(miriam);
  expect((await body(miriam, pump.serial)).run).not.toBe('stopped');
  await endFault(miriam, pump.serial, 'link-loss');
  await expect(dialog.locator('[data-stop="applied"]')).toBeVisible({ timeout: 120_000 });
  await expect(away).toHaveCount(0);
  expect((await body(miriam, pump.serial)).run).toBe('stopped');
});

test('an order that came back is taken up under its number until the pump has it, and another is discarded', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  const jonas = await personOf(browser, page, 'jonas');
  const program = pump.therapy.report.state.program;
  const proposed = async (): Promise<string> => {
    await miriam.goto(`/pumps/${pump.id}/propose`);
    await live(miriam);
    await miriam.getByLabel('Reason', { exact: true }).fill('the same again');
    await expect(miriam.getByText('It would take it.')).toBeVisible();
    await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
    await expect(miriam).toHaveURL(/\/orders\/\d+$/);
    return new URL(miriam.url()).pathname.split('/').pop()!;
  };
  const sentBack = async (id: string): Promise<void> => {
    await jonas.goto(`/orders/${id}`);
    for (let i = 0; i < 3; i++) {
      await enter(jonas, id, 'XX000000', program, pump.therapy);
      await jonas.getByRole('button', { name: 'Compare' }).click();
      if (i < 2) await expect(jonas.getByText(`After ${2 - i} more`)).toBeVisible();
    }
    await expect(stateOf(jonas, 'draft')).toBeVisible();
  };

  const id = await proposed();
  await sentBack(id);
  await miriam.goto('/');
  await miriam.getByRole('region', { name: 'Your proposals' }).getByRole('link', { name: `Came back: order ${id}` }).click();
  await expect(miriam.getByText('It came back to you')).toBeVisible();
  await expectAccessible(miriam);
  await miriam.getByRole('link', { name: 'Take it up' }).click();
  await expect(miriam.getByText('Blind entries differed from it 3 times.')).toBeVisible();
  await expect(miriam.getByLabel('Reason', { exact: true })).toHaveValue('the same again');
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await expectAccessible(miriam);
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam).toHaveURL(new RegExp(`/orders/${id}$`));
  const again = await get<{ state: string; mismatches: number; document: { program: Therapy['report']['state']['program'] } }>(miriam, `/orders/${id}`);
  expect([again.state, again.mismatches, again.document.program]).toEqual(['proposed', 0, program]);
  await sign(miriam, pump.serial);
  await expect(miriam.getByText(/nobody signs twice/)).toBeVisible();
  await checked(jonas, id, pump.serial, program, pump.therapy);
  await expect(miriam.getByRole('heading', { name: 'Release', exact: true })).toBeVisible();
  await release(miriam);
  await expect(stateOf(miriam, 'applied')).toBeVisible({ timeout: 60_000 });

  const other = await proposed();
  await sentBack(other);
  await miriam.goto(`/orders/${other}`);
  await miriam.getByRole('button', { name: 'Discard…' }).click();
  await miriam.getByRole('dialog', { name: `Discard order ${other}` }).getByRole('button', { name: 'Discard it' }).click();
  await expect(stateOf(miriam, 'withdrawn')).toBeVisible();
  await expect(miriam.getByText('It was discarded')).toBeVisible();
  await expect(miriam.getByText('The pump is not told yet.')).toHaveCount(0);
  // The same may be proposed again, and he would check it.
  const kept = await get<{ blind: boolean; wish: unknown }>(jonas, `/orders/${other}`);
  expect([kept.blind, kept.wish]).toEqual([true, null]);
});
