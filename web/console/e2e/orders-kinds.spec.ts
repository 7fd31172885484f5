import { sum, write } from './entries';
import { begin, signedByAll, type Therapy } from './kinds';
import { get, groupOf, personOf } from './ordering';
import { expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** Kinds of orders beside a new dose: each proposed on its screen, checked and signed by people, and carried out by an emulated pump. */

test('a refill with a mixture of three drugs, over a bridge, with patient boluses', async ({ page, browser }) => {
  const morphine = (t: Therapy) => t.report.state.run === 1 && t.report.state.contents.ingredients.length === 1 && t.report.state.contents.ingredients[0]!.code === 1 && t.path.catheter_mm > 0
    && (t.patient_groups.length === 0 || t.patient_groups.some((g) => g === 'cancer' || g === 'non_cancer')) && ['continuous', 'flex_day'].includes(t.report.state.program.mode);
  const { miriam, pump } = await begin(page, browser, morphine);
  const { program, contents } = pump.therapy.report.state;
  const old = BigInt(contents.ingredients[0]!.conc_ng_ml);
  const day = (sum(program) * old) / 1_000_000n;
  await miriam.getByLabel('What kind of order').selectOption('visit');

  // Morphine as before, with bupivacaine and clonidine beside it, so little of them that no limit is near.
  const drug = async (i: number, name: string, conc: string) => {
    if (i > 1) await miriam.getByRole('button', { name: 'Add a drug' }).click();
    await miriam.getByLabel(`Drug ${i}`, { exact: true }).selectOption({ label: name });
    await miriam.getByLabel(`Concentration ${i}`, { exact: true }).fill(conc);
  };
  await drug(1, 'Morphine', write(old, 'mg', 6));
  await drug(2, 'Bupivacaine', '2');
  await drug(3, 'Clonidine', '20');
  await miriam.getByLabel('How it is spread over the day').selectOption('flat');
  await miriam.getByLabel('Morphine a day').fill(write(day, 'mg', 3));
  const ptm = miriam.getByLabel('The patient may take boluses');
  await ptm.check();
  await miriam.getByLabel('Morphine in one').fill(write(day / 25n, 'mg', 3));
  await miriam.getByLabel('Given over').fill('5');
  await miriam.getByLabel('Lockout').fill('240');
  await miriam.getByLabel('At most in 24 h').fill('3');

  // What is wrong is said where it is, and nothing is computed of it.
  await miriam.getByLabel('Volume filled in').fill('18,0');
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam.getByText('Write a decimal point: a comma is misread.').first()).toBeVisible();
  await miriam.getByLabel('Volume filled in').fill('18');
  await miriam.getByLabel('Reason', { exact: true }).fill('burning pain beside the dull one');

  // The arithmetic of the bridge is the one of V × C ÷ D.
  const bridge = miriam.locator('[data-bridge]').first();
  await expect(bridge).toBeVisible({ timeout: 20_000 });
  const seconds = Number(await bridge.getAttribute('data-bridge'));
  const path = BigInt(pump.therapy.path.path_nl);
  const want = Number((path * old * 86_400n) / (day * 1_000_000n));
  expect(Math.abs(seconds - want)).toBeLessThan(want / 100 + 2);
  await expect(miriam.getByText(/Without a bridge/).or(miriam.getByText(/from the reservoir to the catheter’s tip/)).first()).toBeVisible();
  await expect(miriam.getByText(/Only if|As planned/).first()).toBeVisible();
  await expectAccessible(miriam);
  await miriam.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(miriam);
  await miriam.setViewportSize({ width: 1440, height: 900 });

  const { id, doc } = await signedByAll(browser, page, miriam, pump.serial);
  expect(doc.visit!.planned.contents.ingredients.map((i) => i.code)).toEqual([1, 6, 7]);
  expect(doc.visit!.same.contents.ingredients).toEqual(contents.ingredients);
  await expectAccessible(miriam);

  // A syringe that says something else than was planned is not released as planned.
  const bounds = doc.visit!.bounds;
  await miriam.getByLabel('Filled in', { exact: true }).fill('18');
  await miriam.getByLabel('Aspirated').fill(write(BigInt(bounds.aspirated_max_nl) + 500_000n, 'mL', 3));
  await expect(miriam.getByText('Outside of what was planned.')).toBeVisible();
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.getByText(/E_BOUNDS/)).toBeVisible();
  await miriam.getByLabel('Aspirated').fill(write((BigInt(bounds.aspirated_min_nl) + BigInt(bounds.aspirated_max_nl)) / 2n, 'mL', 3));
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.locator(`[data-order="${id}"][data-state="applied"]`)).toBeVisible({ timeout: 60_000 });
  const after = await get<Therapy>(miriam, `/pumps/${pump.id}/therapy`);
  expect(after.report.state.contents.ingredients).toEqual(doc.visit!.planned.contents.ingredients);
  expect(after.report.state.program).toEqual(doc.visit!.planned.program);
  expect(after.report.bridge).toBe(true);
  expect(after.report.path!.map((f) => f.contents.ingredients)).toEqual([contents.ingredients]);
  expect(BigInt(after.report.path![0]!.left_nl)).toBeLessThanOrEqual(path);

  // What the patient gets until when stands where one looks at the pump and where one changes it.
  await miriam.goto(`/pumps/${pump.id}?tab=therapy`);
  const held = miriam.locator('[data-path]');
  await expect(miriam.getByText('The path gives the old fluid: its dose stands under Therapy.')).toBeVisible();
  await expect(held).toContainText(/At the catheter’s tip is Morphine .* not what the reservoir holds.*After that comes Morphine .* \+ Bupivacaine 2 mg\/mL \+ Clonidine/);
  await expect(held).toContainText(/The bridge gives .* of Morphine a day.*until about/);
  await expectAccessible(miriam);
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await expect(held).toContainText('No bolus is given before.');
  await miriam.getByLabel('What kind of order').selectOption('program');
  await miriam.getByLabel('How it is spread over the day').selectOption('flat');
  await miriam.getByLabel('Morphine a day').fill(write((day * 9n) / 10n, 'mg', 3));
  await miriam.getByLabel('Reason', { exact: true }).fill('drowsy');
  await expect(miriam.getByRole('heading', { name: 'Other fluid stands in the path' })).toBeVisible({ timeout: 20_000 });
  await expect(miriam.getByText('The rest of it:')).toBeVisible();
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  await expectAccessible(miriam);
  await miriam.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(miriam);
});

test('a week in which the weekend differs, saved as it is typed', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, async (t, id, who) => t.report.state.run === 1 && ['continuous', 'flex_day'].includes(t.report.state.program.mode) && t.report.state.contents.ingredients.length === 1 && t.report.state.contents.ingredients[0]!.code === 8 && (await groupOf(who, { id, therapy: t })) !== null);
  await miriam.getByLabel('How it is spread over the day').selectOption('week');
  await expect(miriam.getByText(/^Rate over each day of the week/)).toBeVisible();
  await miriam.getByLabel('Day of the week', { exact: true }).selectOption({ label: 'Saturday' });
  const first = miriam.getByLabel(/^Saturday, Stretch 1, /);
  const was = await first.inputValue();
  await first.fill('.5');
  await expect(miriam.getByText('Write a zero before the decimal point.')).toBeVisible();
  // A tenth less in the first half of the day.
  const tenths = BigInt(was.replace('.', '')) * (was.includes('.') ? 1n : 10n);
  await first.fill(`${(tenths * 9n) / 100n}.${((tenths * 9n) / 10n) % 10n || 1n}`);
  await miriam.getByRole('button', { name: 'Copy to the weekend' }).click();
  await miriam.getByLabel('Reason', { exact: true }).fill('lies longer at the weekend');
  await expectAccessible(miriam);
  // On a phone a number that is typed has the room to be read.
  await miriam.setViewportSize({ width: 390, height: 844 });
  expect((await first.boundingBox())!.width).toBeGreaterThan(120);
  await expectNoSidewaysScroll(miriam);
  await miriam.setViewportSize({ width: 1440, height: 900 });

  // The session's end loses nothing: the draft is on the server, and in the list.
  await expect(miriam.getByText(/Your draft is saved on the server/)).toBeVisible();
  await miriam.goto('/orders');
  await expect(miriam.getByRole('list', { name: 'Your drafts' }).getByText(pump.serial)).toBeVisible();
  await expectAccessible(miriam);
  const again = await personOf(browser, page, 'miriam');
  await again.goto(`/pumps/${pump.id}/propose`);
  await expect(again.getByText(/This is your draft of/)).toBeVisible();
  await expect(again.getByLabel('Reason', { exact: true })).toHaveValue('lies longer at the weekend');
  await live(again);

  const { id, doc } = await signedByAll(browser, page, again, pump.serial);
  expect([doc.program!.mode, doc.program!.cycle_s]).toEqual(['flex_week', '604800']);
  const days = (d: number) => doc.program!.segments.filter((s) => Math.floor(Number(s.offset_s) / 86_400) === d).reduce((v, s) => v + BigInt(s.volume_nl), 0n);
  expect(days(5)).toBe(days(6));
  expect(days(5) < days(0)).toBe(true);
  expect([1, 2, 3, 4].map(days)).toEqual([0, 0, 0, 0].map(() => days(0)));
  await again.getByRole('button', { name: 'Release and sign' }).click();
  await expect(again.locator(`[data-order="${id}"][data-state="applied"]`)).toBeVisible({ timeout: 60_000 });
  expect((await get<Therapy>(again, `/pumps/${pump.id}/therapy`)).report.state.program).toEqual(doc.program);
  // What was proposed is no draft any more.
  await again.goto('/orders');
  await expect(again.getByRole('heading', { name: 'Orders', exact: true })).toBeVisible();
  await expect(again.getByRole('list', { name: 'Your drafts' }).getByText(pump.serial)).toHaveCount(0);
});

test('a pump is bound to another patient', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => t.report.state.run === 1 && t.report.state.contents.ingredients.length === 1 && t.report.state.contents.ingredients[0]!.code === 2);
  await miriam.getByLabel('What kind of order').selectOption('bind');
  await miriam.getByLabel('Reason', { exact: true }).fill('entered for the wrong person at the implant');
  // As the register has it is whom the pump knows already.
  await expect(miriam.getByText('E_PATIENT')).toBeVisible();
  await miriam.getByRole('button', { name: 'A new patient' }).click();
  await expect(miriam.getByLabel('The patient whom it is in')).toHaveValue(/^P-/);
  const token = await miriam.getByLabel('The patient whom it is in').inputValue();
  await expect(miriam.getByRole('row', { name: new RegExp(`^Patient .*${token}`) })).toContainText('changed');
  await expectAccessible(miriam);
  const { id } = await signedByAll(browser, page, miriam, pump.serial, { patient: token });
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.locator(`[data-order="${id}"][data-state="applied"]`)).toBeVisible({ timeout: 60_000 });
  const after = await get<Therapy>(miriam, `/pumps/${pump.id}/therapy`);
  expect(after.patient).toBe(token);
  expect(after.report.state.epoch).toBe(pump.therapy.report.state.epoch + 1);
  expect(after.report.state.program).toEqual(pump.therapy.report.state.program);
});
