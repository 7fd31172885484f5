import { enter, get, groupOf, type Order, personOf, post, prescriber, signBySoftware as sign } from './ordering';
import { expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

/** What a pump delivered and the steps of its dose, where a dose is looked at: of what the pump has applied, and of nothing that is only proposed. */

interface Trend { days: { coverage: string; delivered_nl: string | null }[]; steps: { order: string | null; changes: { code: number; was_day_ng: string; is_day_ng: string }[] }[]; steps_30d: number }

test('an applied step is in the list of steps, and on the chart', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  const before = await get<Trend>(miriam, `/pumps/${pump.id}/trends`);
  // A demo that has just begun has one reading of today, which bounds nothing.
  await expect.poll(async () => (await get<Trend>(miriam, `/pumps/${pump.id}/trends`)).days.some((d) => d.coverage !== 'none'), { timeout: 90_000 }).toBe(true);
  const old = pump.therapy.report.state.program;
  const program = { ...old, segments: old.segments.map((s) => ({ ...s, volume_nl: ((BigInt(s.volume_nl) * 104n) / 100n).toString() })) };
  const answer = await post(miriam, `/pumps/${pump.id}/orders`, { wish: { act: 'program', group: await groupOf(miriam, pump), program, reason: 'pain at night' } });
  expect(answer.ok(), await answer.text()).toBe(true);
  const order = (await answer.json()) as Order;

  // Its proposer sees it beside the order; it is of what ran, and has no step of what is only proposed.
  await miriam.goto(`/orders/${order.id}`);
  await live(miriam);
  const section = (of: typeof miriam) => of.getByRole('region', { name: 'Delivered, and steps of the dose' });
  await expect(section(miriam).getByRole('application')).toBeVisible();
  await expect(section(miriam).getByRole('link', { name: new RegExp(`order ${order.id}$`) })).toHaveCount(0);
  await sign(miriam, pump.serial);
  await expect(miriam.getByText('“I prescribe this”', { exact: true })).toBeVisible();

  // Beside a blind entry it is not there, and comes after it.
  for (const login of ['jonas', 'priya'].slice(0, order.finding.people - 1)) {
    const other = await personOf(browser, page, login);
    await other.goto(`/orders/${order.id}`);
    await live(other);
    await expect(other.getByRole('heading', { name: 'Verify: enter the numbers from your own source' })).toBeVisible();
    await expect(other.locator('[data-trend]')).toHaveCount(0);
    expect((await get<Trend>(other, `/pumps/${pump.id}/trends`)).steps).toEqual(before.steps);
    await enter(other, order.id, pump.serial, program, pump.therapy);
    await other.getByRole('button', { name: 'Compare' }).click();
    await expect(section(other).getByRole('application')).toBeVisible();
    await sign(other, pump.serial);
    await expect(other.getByText(/^“I verified this/).first()).toBeVisible();
    await other.context().close();
  }

  await expect(miriam.getByRole('heading', { name: 'Release', exact: true })).toBeVisible();
  await miriam.getByRole('button', { name: 'Release and sign' }).click();
  await expect(miriam.locator('[data-state="applied"]')).toBeVisible({ timeout: 60_000 });
  const after = await get<Trend>(miriam, `/pumps/${pump.id}/trends`);
  expect([after.steps.length, after.steps[0]!.order, after.steps_30d]).toEqual([before.steps.length + 1, order.id, before.steps_30d + 1]);
  const change = after.steps[0]!.changes[0]!;
  expect(BigInt(change.is_day_ng) > BigInt(change.was_day_ng)).toBe(true);

  const answered = miriam.waitForResponse((r) => r.url().endsWith(`/pumps/${pump.id}/trends`));
  await miriam.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(miriam);
  const shown = (await (await answered).json()) as Trend;
  const steps = section(miriam).getByRole('list', { name: /^Steps of the dose in/ });
  await expect(steps.getByRole('listitem').first()).toContainText(/ → .* a day, \+(3\.9|4\.0) %/);
  await expect(steps.getByRole('link', { name: new RegExp(`order ${order.id}$`) })).toHaveAttribute('href', `/orders/${order.id}`);
  const chart = section(miriam).getByRole('application');
  await expect(chart.getByText('◆')).toHaveCount(after.steps.length);
  // The demo has not run for thirty days: those of which nothing is known have no bar.
  await expect(chart.locator('rect[data-coverage]')).toHaveCount(shown.days.filter((d) => d.coverage !== 'none').length);
  await chart.press('End');
  await expect(section(miriam).getByRole('status')).toContainText(/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ \w+: /);
  await expectAccessible(miriam);
  await section(miriam).getByRole('button', { name: 'As a table' }).click();
  await expect(section(miriam).getByRole('table').getByRole('row')).toHaveCount(after.days.length + 1);
  await expectAccessible(miriam);
  await miriam.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(miriam);
  await miriam.setViewportSize({ width: 1440, height: 900 });
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  await expect(section(miriam).getByRole('link', { name: new RegExp(`order ${order.id}$`) })).toBeVisible();
  await expectAccessible(miriam);
});
