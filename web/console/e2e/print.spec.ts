import type { Page } from '@playwright/test';
import { expect, live, signInAs, test } from './support';

/**
 * Paper: what stands on it whatever the theme, that nothing is cut off, and that a page which is stale or not complete says so. A
 * sheet of A4 is 794 pixels wide, and 688 between its margins.
 */

const A4 = { width: 794, height: 1123 };
const TEXT = { width: 688, height: 1010 };

interface Order { id: string; pump: string; document: unknown }

/** One that somebody has proposed: of a draft there is nothing to print. The demo proposes its orders a moment after it has begun. */
async function firstOrder(page: Page): Promise<Order> {
  let found: Order | undefined;
  await expect.poll(async () => {
    found = ((await (await page.request.get('/api/v1/orders?limit=100')).json()) as { items: Order[] }).items.find((o) => o.document !== null);
    return found !== undefined;
  }, { message: 'the demo has orders', timeout: 40_000 }).toBe(true);
  return found!;
}

/** Each page that people print: who does, where it is, and what its head says. */
const pages: { name: string; role: string; path: (o: Order) => string; head: RegExp }[] = [
  { name: 'pump', role: 'engineer', path: (o) => `/pumps/${o.pump}`, head: /^Pump \S+ .*: now and lately$/ },
  { name: 'therapy', role: 'prescriber', path: (o) => `/pumps/${o.pump}?tab=therapy`, head: /^Pump \S+ .*: therapy$/ },
  { name: 'timeline', role: 'engineer', path: (o) => `/pumps/${o.pump}?tab=timeline&groups=link`, head: /^Pump \S+ .*: timeline$/ },
  { name: 'identity', role: 'engineer', path: (o) => `/pumps/${o.pump}?tab=identity`, head: /^Pump \S+ .*: identity$/ },
  { name: 'order', role: 'prescriber', path: (o) => `/orders/${o.id}`, head: /^Order \d+, .*, for pump \S+$/ },
  { name: 'refills that are due', role: 'nurse', path: () => '/fleet?q=low_in%3C60d&sort=low_in', head: /^Fleet: the pumps that match low_in<60d$/ },
  { name: 'fleet', role: 'engineer', path: () => '/fleet', head: /^Fleet: all pumps$/ },
  { name: 'alarms', role: 'engineer', path: () => '/alarms', head: /^Alarms, active, of every priority$/ },
  { name: 'maintenance', role: 'engineer', path: () => '/work', head: /^Maintenance that is planned, within a year$/ },
  { name: 'record', role: 'auditor', path: () => '/record?kind=pump.', head: /^Entries of the record, of kind pump\.$/ },
  { name: 'reports', role: 'auditor', path: () => '/reports', head: /^Reports on orders, the last 90 days$/ },
  { name: 'recall', role: 'engineer', path: () => '/recalls/1', head: /^Recall FSN-2026-014$/ },
];

async function toPaper(page: Page, size = TEXT): Promise<void> {
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await page.setViewportSize(size);
}

const head = (page: Page) => page.locator('[data-paper-head]');

/** Waits until nothing on the page is still to come. */
async function whole(page: Page): Promise<void> {
  await live(page);
  await expect(page.locator('main .ghost, main [aria-busy="true"]')).toHaveCount(0, { timeout: 20_000 });
}

for (const p of pages) {
  test(`on paper: ${p.name}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await signInAs(page, 'prescriber');
    const order = await firstOrder(page);
    const who = await signInAs(page, p.role);
    await page.goto(p.path(order));
    await whole(page);
    const title = await page.getByRole('heading', { level: 1 }).first().textContent();
    await toPaper(page);

    // What it is, when it was printed in which zone, and by whom.
    await expect(head(page)).toBeVisible();
    await expect(head(page).locator('p').nth(1)).toHaveText(p.head);
    await expect(head(page)).toContainText(new RegExp(`Printed \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\S+ by ${who.name.replaceAll('.', '\\.')} \\(${who.login}\\)`));
    await expect(head(page)).toContainText(/Times in \S+\./);
    await expect(page.getByRole('heading', { level: 1 }).first()).toHaveText(title!);
    await expect(head(page).getByRole('alert'), 'a page that is whole and current raises no doubt').toHaveCount(0);

    // Nothing to press and nowhere to go.
    for (const role of ['navigation', 'banner', 'tab', 'search'] as const) await expect(page.getByRole(role).filter({ visible: true })).toHaveCount(0);
    const pressed = await page.locator('.btn, input, select, textarea').evaluateAll((all) => all.filter((e) => e.checkVisibility()).map((e) => e.outerHTML.slice(0, 120)));
    expect(pressed).toEqual([]);

    // Nothing is cut off at the right, between the margins or on a sheet without any.
    for (const size of [TEXT, A4]) {
      await page.setViewportSize(p.name === 'fleet' || p.name.startsWith('refills') ? { width: size.height, height: size.width } : size);
      const over = await page.evaluate(() => {
        const wide = document.documentElement.clientWidth;
        return [...document.querySelectorAll<HTMLElement>('main *')].filter((e) => e.checkVisibility() && !e.closest('.sr-only, [aria-hidden="true"]')).filter((e) => {
          const b = e.getBoundingClientRect();
          return b.width > 0 && b.right > wide + 1;
        }).map((e) => `${e.tagName} ${e.className} ${e.textContent?.slice(0, 40)}`);
      });
      expect(over, `at ${size.width} px`).toEqual([]);
    }

    // Black on white, though the theme is dark and a browser prints no backgrounds.
    const colours = await page.evaluate(() => {
      const seen = new Set<string>();
      for (const e of document.querySelectorAll<HTMLElement>('main *, [data-paper-head] *')) {
        if (!e.checkVisibility() || e.closest('svg, canvas') || !(e.textContent ?? '').trim()) continue;
        const s = getComputedStyle(e);
        seen.add(`${s.color} on ${s.backgroundColor}`);
      }
      return [...seen, `page ${getComputedStyle(document.body).backgroundColor} ${getComputedStyle(document.documentElement).backgroundColor}`];
    });
    expect(colours.toSorted()).toEqual(['page rgb(255, 255, 255) rgb(255, 255, 255)', 'rgb(0, 0, 0) on rgba(0, 0, 0, 0)']);

    // Heads of tables come again, and rows are not torn.
    for (const head of await page.locator('main thead').all()) expect(await head.evaluate((e) => getComputedStyle(e).display)).toBe('table-header-group');
    for (const row of (await page.locator('main tbody tr').all()).slice(0, 5)) expect(await row.evaluate((e) => getComputedStyle(e).breakInside)).toBe('avoid');

    // Back on the screen, all is as before.
    await page.emulateMedia({ media: 'screen', colorScheme: 'dark' });
    await page.setViewportSize({ width: 1440, height: 900 });
    await expect(head(page)).toHaveCount(0);
    await expect(page.getByRole('navigation').first()).toBeVisible();
  });
}

test('the fleet on paper has every pump, and the head of its columns', async ({ page }) => {
  await signInAs(page, 'engineer');
  const { rows } = (await (await page.request.get('/api/v1/pumps')).json()) as { rows: { serial: string }[] };
  await page.goto('/fleet');
  await whole(page);
  await toPaper(page, { width: 1010, height: 688 });
  const table = page.getByRole('table', { name: 'Pumps' });
  await expect(table.locator('tbody tr')).toHaveCount(rows.length);
  const text = (await table.textContent())!;
  expect(rows.filter((r) => !text.includes(r.serial))).toEqual([]);
  await expect(table.locator('thead th').first()).toBeVisible();
});

test('a timeline and the record say how far they go, and who did it', async ({ page }) => {
  await signInAs(page, 'auditor');
  await page.goto('/record');
  await whole(page);
  await toPaper(page);
  await expect(page.getByText(/^50 entries, as read at .*Older entries are not on this paper: load them before printing\.$/)).toBeVisible();
  // Who did it is behind a button on the screen, and on the paper all the same.
  const first = page.locator('main ol > li').first();
  await expect(first.locator('p').nth(1)).not.toHaveText('');
});

test('a page that hears nothing from the server is printed, and says so on the paper', async ({ page, context }) => {
  await signInAs(page, 'engineer');
  await page.goto('/alarms');
  await whole(page);
  await context.setOffline(true);
  await page.evaluate(() => window.dispatchEvent(new Event('offline')));
  // A feed that was cut is noticed by its missing beat.
  await expect(page.locator('[data-phase="live"]')).toHaveCount(0, { timeout: 30_000 });
  await page.waitForFunction(() => document.querySelector('[data-phase]')?.getAttribute('data-phase') !== 'live', undefined, { timeout: 30_000 });
  await expect(async () => {
    await page.emulateMedia({ media: 'screen' });
    await toPaper(page);
    await expect(head(page).getByRole('alert')).toContainText('Not current: nothing was heard from the server since', { timeout: 500 });
  }).toPass({ timeout: 90_000 });
  await context.setOffline(false);
});

test('a page of which a part has not come is printed, and says so on the paper', async ({ page }) => {
  await signInAs(page, 'auditor');
  let go = () => {};
  const held = new Promise<void>((done) => { go = done; });
  await page.route(/\/api\/v1\/audit\?/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto('/record');
  await live(page);
  await toPaper(page);
  await expect(head(page).getByRole('alert')).toContainText('Not complete: a part was still being read when this was printed.');
  go();
});

test('a part that could not be read again says from when it is', async ({ page }) => {
  await signInAs(page, 'engineer');
  await page.goto('/status');
  await whole(page);
  await expect(page.getByRole('heading', { name: /^Disk space/ })).toBeVisible();
  await page.route(/\/api\/v1\/status$/, (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"title":"Not available now","status":503}' }));
  await expect(page.getByText('The status could not be read.')).toBeVisible({ timeout: 20_000 });
  await toPaper(page);
  await expect(head(page).getByRole('alert')).toContainText(/Not current: a part could not be read again and is as it was at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+\./);
  // What it knew is printed all the same, and marked where it stands.
  await expect(page.getByRole('heading', { name: /^Disk space/ })).toBeVisible();
  await expect(page.getByText('Not current:', { exact: false }).last()).toBeVisible();
});

test('a claim slip is one sheet of A6, with nothing else on it but when and by whom', async ({ page }) => {
  const who = await signInAs(page, 'engineer');
  const [site] = (await (await page.request.get('/api/v1/sites')).json()) as { id: string }[];
  const made = (await (await page.request.post('/api/v1/pumps', { data: { site: site!.id, serial: `P${Date.now()}`, model: 'Meander P20', profile: 'meander-p20' } })).json()) as { id: string; serial: string };
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto(`/pumps/${made.id}`);
  await live(page);
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('button', { name: /claim slip/i }).click();
  await page.getByRole('dialog').getByRole('button', { name: /slip/i }).last().click();
  await expect(page.getByRole('img', { name: `Claim slip for pump ${made.serial}` })).toBeVisible();
  const pdf = (await page.pdf({ preferCSSPageSize: true, printBackground: false })).toString('latin1');
  expect(pdf.match(/\/Type ?\/Page\b(?!s)/g)?.length).toBe(1);
  const [, width, height] = /\/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]/.exec(pdf)!;
  expect([Math.round(Number(width) / 72 * 25.4), Math.round(Number(height) / 72 * 25.4)]).toEqual([148, 105]);
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByText(`by ${who.name} (${who.login}).`)).toBeVisible();
  await expect(page.locator('[data-paper-head]')).toBeHidden();
  await expect(page.getByRole('heading', { level: 1 }).filter({ visible: true })).toHaveCount(0);
});

test('the browser makes sheets of it: with margins, and no more than it needs', async ({ page }) => {
  await signInAs(page, 'engineer');
  await page.goto('/work');
  await whole(page);
  const pdf = await page.pdf({ preferCSSPageSize: true });
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
  expect(pdf.toString('latin1').match(/\/Type ?\/Page\b(?!s)/g)?.length).toBe(1);
  expect(pdf.toString('latin1')).toMatch(/\/MediaBox ?\[0 0 59[45](\.\d+)? 84[12](\.\d+)?\]/);
});
