import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectNoSidewaysScroll, live, open, signIn, test } from './support';

interface Row {
  id: string;
  serial?: string;
  presence?: string;
  reservoir_nl?: string | null;
}

const rows = (page: Page) => page.getByRole('grid', { name: 'Pumps' }).locator('[role="row"][data-pump]');

async function snapshot(page: Page): Promise<Row[]> {
  const answer = await page.request.get('/api/v1/pumps');
  const { rows: all } = (await answer.json()) as { rows: Row[] };
  expect(all.length, 'the demo has pumps').toBeGreaterThan(0);
  return all;
}

/** mL as the table writes it: two decimals, rounded down. */
const millilitres = (nl: string) => {
  const hundredths = (BigInt(nl) / 10_000n).toString().padStart(3, '0');
  return `${hundredths.slice(0, -2)}.${hundredths.slice(-2)}`;
};

test('every pump is a row, and the grid says how many there are', async ({ page }) => {
  await open(page, '/fleet?sort=pump');
  const all = await snapshot(page);
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', String(all.length + 1));
  await expect(page.getByText(`${all.length} pumps`)).toBeVisible();
  const seen = new Set<string>();
  await rows(page).first().focus();
  for (let i = 0; i < all.length; i++) {
    seen.add((await page.locator(':focus').getAttribute('data-pump'))!);
    await page.keyboard.press('ArrowDown');
  }
  expect([...seen].toSorted()).toEqual(all.map((r) => r.id).toSorted());
});

test('a change that the server sends is on the screen', async ({ page }) => {
  const newest = new Map<string, string>();
  page.on('websocket', (ws) => ws.on('framereceived', ({ payload }) => {
    const f = JSON.parse(String(payload)) as { t: string; rows?: Row[] };
    for (const r of f.t === 'delta' ? f.rows ?? [] : []) if (r.reservoir_nl) newest.set(r.id, r.reservoir_nl);
  }));
  await open(page, '/fleet');
  await expect.poll(() => newest.size, { timeout: 90_000, message: 'the server sends changes' }).toBeGreaterThan(0);
  await expect.poll(async () => {
    for (const [id, nl] of newest) {
      const cell = page.locator(`[data-pump="${id}"] [data-key="reservoir"]`);
      if (await cell.count() > 0 && (await cell.textContent())!.includes(millilitres(nl))) return true;
    }
    return false;
  }, { timeout: 60_000 }).toBe(true);
});

test('a filter is in the address, survives a reload, and Back works', async ({ page }) => {
  await open(page, '/fleet');
  const all = await snapshot(page);
  const word = all[0]!.serial!;
  await page.keyboard.press('/');
  await expect(page.getByLabel('Filter by text')).toBeFocused();
  await page.keyboard.type(word);
  await expect(page).toHaveURL(new RegExp(`q=${word}`));
  await expect(rows(page)).toHaveCount(1);
  await page.reload();
  await expect(page.getByLabel('Filter by text')).toHaveValue(word);
  await expect(rows(page)).toHaveCount(1);
  await rows(page).first().click();
  await expect(page).toHaveURL(/\/pumps\//);
  await page.goBack();
  await expect(page).toHaveURL(new RegExp(`q=${word}`));
  await expect(rows(page)).toHaveCount(1);
});

test('facets narrow, count and clear', async ({ page }) => {
  await open(page, '/fleet');
  const all = await snapshot(page);
  const presence = all[0]!.presence!;
  const word = { online: 'Online', stale: 'Stale', offline: 'Offline', never: 'Never seen', unknown: 'Unknown' }[presence]!;
  await page.getByRole('search').getByRole('button', { name: 'Presence' }).click();
  await page.getByRole('checkbox', { name: word }).check();
  await expect(page).toHaveURL(new RegExp(`presence=${presence}`));
  await page.keyboard.press('Escape');
  await expect(page.getByRole('search').getByRole('button', { name: /Presence/ })).toBeFocused();
  await page.getByRole('button', { name: 'Clear' }).click();
  await expect(page).toHaveURL(/\/fleet$/);
});

test('keyboard: one tab stop, the focus belongs to a pump, Enter opens it', async ({ page }) => {
  await open(page, '/fleet');
  await expect(rows(page).first()).toBeVisible();
  expect(await rows(page).evaluateAll((all) => all.filter((r) => (r as HTMLElement).tabIndex === 0).length)).toBe(1);
  await rows(page).first().focus();
  const first = await page.locator(':focus').getAttribute('data-pump');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(page.locator(':focus')).toHaveAttribute('aria-rowindex', '4');
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowUp');
  await expect(page.locator(':focus')).toHaveText('Pump');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/sort=pump/);
  await page.keyboard.press('ArrowDown');
  // The order changed, the focus went on with the pump that had it.
  const id = (await page.locator(':focus').getAttribute('data-pump'))!;
  expect(id).toBe(first);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/pumps/${id}$`));
});

test('the usual columns fit a window of 1440 pixels, with their heads and numbers whole', async ({ page }) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await open(page, '/fleet');
  await expect(rows(page).first()).toBeVisible();
  const grid = page.getByRole('grid', { name: 'Pumps' });
  await expect(grid.getByRole('checkbox').first(), 'with the column to select rows').toBeVisible();
  const { over, cut } = await grid.evaluate((g) => ({
    over: g.scrollWidth - g.clientWidth,
    cut: [...g.querySelectorAll<HTMLElement>('[role="columnheader"], [data-key]:is([data-numeric], [data-key="presence"], [data-key="firmware"], [data-key="site"]) :is([class*="line_"], [class*="subline"])')]
      .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => `${e.closest('[data-key]')?.getAttribute('data-key')}: ${e.textContent}`),
  }));
  expect(over, 'nothing to be scrolled sideways').toBeLessThanOrEqual(0);
  expect(cut).toEqual([]);
});

test('when the feed is cut the page says so within 20 s, keeps its rows, and catches up by itself', async ({ page }) => {
  await signIn(page);
  let cut = false;
  const open: { close: () => Promise<void> }[] = [];
  await page.routeWebSocket(/\/api\/v1\/live/, (ws) => {
    if (cut) {
      void ws.close({ code: 1011 });
      return;
    }
    ws.connectToServer();
    open.push(ws);
  });
  await page.goto('/fleet');
  await live(page);
  const before = await page.getByRole('grid').getAttribute('aria-rowcount');
  cut = true;
  for (const ws of open) await ws.close();
  await expect(page.getByText(/^Not live since \d\d:\d\d:\d\d\.$/)).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('link', { name: /high alarms?, not current/ })).toBeVisible();
  await expect(page.getByRole('grid')).toHaveAttribute('aria-rowcount', before!);
  await expect(rows(page).first()).toBeVisible();
  await expectAccessible(page);
  cut = false;
  await live(page);
  await expect(page.getByText(/^Not live since/)).toBeHidden();
});

test('a feed that falls silent is stale after 20 s', async ({ page }) => {
  await signIn(page);
  let silent = false;
  await page.routeWebSocket(/\/api\/v1\/live/, (ws) => {
    const server = ws.connectToServer();
    server.onMessage((m) => {
      if (!silent) ws.send(m);
    });
  });
  await page.goto('/fleet');
  await live(page);
  silent = true;
  await expect(page.getByText(/^Not live since/)).toBeVisible({ timeout: 30_000 });
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await open(page, '/fleet');
    await expect(rows(page).first()).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('search').getByRole('button', { name: 'Alarms' }).click();
    await expect(page.getByRole('checkbox', { name: 'No alarm' })).toBeVisible();
    await expectAccessible(page);
    await page.goto('/fleet?q=nothing-is-called-that');
    await expect(page.getByText('No pump matches this filter')).toBeVisible();
    await expectAccessible(page);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto('/fleet');
    await expect(page.getByRole('list', { name: 'Pumps' })).toBeVisible();
    await expectAccessible(page);
  });
}

test('at 390 px pumps are cards and nothing scrolls sideways', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page, '/fleet');
  const card = page.getByRole('list', { name: 'Pumps' }).getByRole('listitem').first();
  await expect(card).toBeVisible();
  await expectNoSidewaysScroll(page);
  await page.getByRole('button', { name: /^Filter/ }).click();
  await expect(page.getByRole('dialog', { name: 'Filter and order' })).toBeVisible();
  await expectNoSidewaysScroll(page);
  await page.keyboard.press('Escape');
  await card.getByRole('link').click();
  await expect(page).toHaveURL(/\/pumps\//);
  await expectNoSidewaysScroll(page);
});
