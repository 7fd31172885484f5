import { begin } from './kinds';
import { get, type Order, personOf, post, propose, type Pump } from './ordering';
import { expect, expectAccessible, live, test } from './support';

/** Whoever is on call is asked to verify, the next after their time, and the order says so to whoever waits. */

test('an order asks the first on call, then the second, and its page says whom and when', async ({ page, browser }) => {
  const { miriam, pump } = await begin(page, browser, (t) => t.report.state.run === 1 && ['continuous', 'flex_day'].includes(t.report.state.program.mode) && t.report.state.contents.ingredients.length === 1);
  const jonas = await personOf(browser, page, 'jonas');
  await jonas.goto('/on-call');
  await live(jonas);
  const people = (await get<{ items: { user: string; name: string; site: string }[] }>(jonas, '/verifiers')).items;
  const { site } = await get<{ site: string }>(miriam, `/pumps/${pump.id}`);
  const user = (name: string) => people.find((p) => p.name === name && p.site === site)!.user;
  const [from, to] = [new Date(Date.now() - 60_000).toISOString(), new Date(Date.now() + 3_600_000).toISOString()];
  const ids: string[] = [];
  for (const [rank, name] of [[1, 'Dr. Jonas Falk'], [2, 'Priya Raman']] as const) {
    const r = await post(jonas, '/on-call', { site, user: user(name), from, to, rank, wait_s: 90 });
    expect(r.ok(), await r.text()).toBe(true);
    ids.push(((await r.json()) as { id: string }).id);
  }

  const order: Order = await propose(miriam, { ...pump, site } as unknown as Pump);
  await miriam.goto(`/orders/${order.id}`);
  await live(miriam);
  await expect(miriam.getByText(/^Asked Dr\. Jonas Falk at .*, escalates to Priya Raman at .*\.$/)).toBeVisible({ timeout: 45_000 });
  await expectAccessible(miriam);
  // Jonas hears of it wherever he is, and Priya does not yet.
  await expect(jonas.getByText('You are on call and are asked to verify:')).toBeVisible({ timeout: 30_000 });
  await expect(jonas.getByRole('link', { name: new RegExp(`^order ${order.id} by`) })).toBeVisible();
  // He does not answer: a minute later it is Priya's.
  await expect(miriam.getByText(/^Asked Priya Raman at .*\. Nobody is on call after them\.$/)).toBeVisible({ timeout: 180_000 });
  const priya = await personOf(browser, page, 'priya');
  await priya.goto('/orders');
  await live(priya);
  await expect(priya.getByRole('link', { name: new RegExp(`^order ${order.id} by`) })).toBeVisible({ timeout: 30_000 });
  await expect(jonas.getByRole('link', { name: new RegExp(`^order ${order.id} by`) })).toHaveCount(0, { timeout: 30_000 });
  await expectAccessible(priya);

  for (const id of ids) expect((await jonas.request.delete(`/api/v1/on-call/${id}`, { headers: { Origin: new URL(jonas.url()).origin } })).ok()).toBe(true);
  await miriam.reload();
  // Whoever was asked stays asked; nobody else is to come.
  await expect(miriam.getByText(/^Asked Priya Raman at .*\. Nobody is on call after them\.$/)).toBeVisible();
});
