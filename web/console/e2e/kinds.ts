import type { Browser, Page } from '@playwright/test';
import { entry } from './entries';
import { get, leftAlone, personOf, type Program, signBySoftware as sign } from './ordering';
import { expect, live } from './support';

/** What tests of kinds of orders share: a pump that fits, the blind entry of any kind, and the signatures of everybody whom it needs. */

export interface Contents { ingredients: { code: number; conc_ng_ml: string }[]; primary: number }
export interface Therapy {
  report: { patient: string; volume_nl: string; day_nl: string; bridge: boolean; path?: { contents: Contents; left_nl: string }[]; busy: number; foreign: boolean; trusted: boolean; faults: string[]; state: { epoch: number; run: number; program: Program; contents: Contents } };
  path: { catheter_mm: number; catheter_nl: string; path_nl: string };
  site_zone_s: number;
  state_hash: string;
  patient_groups: string[];
  patient: string | null;
}
interface Branch { contents: Contents; program: Program; bridge?: { volume_nl: string; duration_s: string } }
export interface Doc { program?: Program; contents?: Contents; dose?: { volume_nl: string; duration_s: string }; volume_nl?: string; zone_s?: number; transfer?: { site: string }; settings?: { low_nl: string; ptm_denied: number }; visit?: { planned: Branch; same: Branch; bounds: { aspirated_min_nl: string; aspirated_max_nl: string; filled_min_nl: string; filled_max_nl: string } } }
interface Drug { code: number; name: string; unit: 'mg' | 'mcg'; decimals: number }

export interface Found { id: string; serial: string; therapy: Therapy }

/** Whether a pump, of which this is known and which has this id, is one for a test, as somebody on a page sees it. */
type Fits = (t: Therapy, id: string, page: Page) => boolean | Promise<boolean>;

/** A connected pump that fits, counted from the end of the list: other tests count from its begin. The demo's story leaves it alone from then on. */
export async function pumpWith(page: Page, fits: Fits): Promise<Found> {
  // A demo that has just begun hears of its pumps one by one.
  let found: Found | null = null;
  await expect.poll(async () => (found = await find(page, fits)) !== null, { message: 'the demo has such a pump', timeout: 45_000 }).toBe(true);
  return found!;
}

async function find(page: Page, fits: Fits): Promise<Found | null> {
  const { rows } = await get<{ rows: { id: string; serial: string; status: string; presence: string }[] }>(page, '/pumps');
  for (const r of rows.filter((x) => x.status === 'active' && x.presence === 'online').toReversed()) {
    const answer = await page.request.get(`/api/v1/pumps/${r.id}/therapy`);
    if (!answer.ok()) continue;
    const therapy = (await answer.json()) as Therapy;
    if (therapy.report.faults.length === 0 && !therapy.report.bridge && therapy.report.busy === 0 && await fits(therapy, r.id, page) && await leftAlone(page, r.serial, therapy.report.state.program)) return { id: r.id, serial: r.serial, therapy };
  }
  return null;
}

/** What the second person knows by themselves, beside the numbers; slip: what they enter first, by mistake. */
export interface Own { patient?: string; site?: string; slip?: { name: string; text: string } }

/** The blind entry, from what the test itself knows of the order. */
export async function enter(page: Page, id: string, serial: string, doc: Doc, own: Own = {}): Promise<void> {
  const drugs = (await get<{ items: { state: string; library: { drugs: Drug[] } }[] }>(page, '/libraries')).items.find((l) => l.state === 'active')!.library.drugs;
  const { numbers } = await get<{ numbers: { name: string }[] }>(page, `/orders/${id}/form`);
  await page.getByLabel('Where your numbers come from').selectOption('syringe');
  for (const { name } of numbers) {
    const text = entry(name, doc, { serial, ...own }, drugs);
    await page.locator(`[name="blind-${name}"]`).fill(own.slip?.name === name ? own.slip.text : text);
  }
  await page.getByRole('button', { name: 'Compare' }).click();
  if (!own.slip) return;
  await expect(page.getByText('One number differs.')).toBeVisible();
  await expect(page.getByText('Differs from the order.')).toHaveCount(1);
  await expect(page.getByText('I have read every setting of this order')).toHaveCount(0);
  await enter(page, id, serial, doc, { ...own, slip: undefined });
}

/** Types what a large change is confirmed by, if the form asks. */
export async function confirmSize(page: Page): Promise<void> {
  const asked = page.getByText(/^Type \S+ to confirm/);
  if (await asked.count() > 0) await page.getByLabel(/^Type \S+ to confirm/).fill((await asked.first().textContent())!.split(' ')[1]!);
}

/** Proposes what the form says, and has everybody whom it needs sign it. Returns the order's id. */
export async function signedByAll(browser: Browser, page: Page, miriam: Page, serial: string, own: Own = {}): Promise<{ id: string; doc: Doc }> {
  await expect(miriam.getByText('It would take it.')).toBeVisible({ timeout: 20_000 });
  await confirmSize(miriam);
  await miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  await expect(miriam).toHaveURL(/\/orders\/\d+$/);
  const id = new URL(miriam.url()).pathname.split('/').pop()!;
  const order = await get<{ document: Doc; finding: { people: number } }>(miriam, `/orders/${id}`);
  await sign(miriam, serial);
  await expect(miriam.getByText('“I prescribe this”', { exact: true })).toBeVisible();
  for (const [before, login] of ['jonas', 'priya'].slice(0, order.finding.people - 1).entries()) {
    const other = await personOf(browser, page, login);
    await other.goto(`/orders/${id}`);
    await enter(other, id, serial, order.document, before === 0 ? own : { ...own, slip: undefined });
    await expect(other.getByText('I have read every setting of this order')).toBeVisible();
    await sign(other, serial);
    // Theirs, and not the one of whoever verified before.
    await expect(other.getByText(/^“I verified this/)).toHaveCount(before + 1);
    await other.context().close();
  }
  // Nobody reloads: the page hears of the last signature by the live feed.
  await expect(miriam.getByRole('heading', { name: 'Release', exact: true })).toBeVisible();
  return { id, doc: order.document };
}

export async function begin(page: Page, browser: Browser, fits: Fits): Promise<{ miriam: Page; pump: Found }> {
  await page.goto('/sign-in');
  const miriam = await personOf(browser, page, 'miriam');
  await miriam.goto('/orders');
  const pump = await pumpWith(miriam, fits);
  // What another test typed and never proposed would stand in the form.
  expect((await miriam.request.delete(`/api/v1/pumps/${pump.id}/orders/draft`, { headers: { Origin: new URL(miriam.url()).origin } })).ok()).toBe(true);
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  return { miriam, pump };
}
