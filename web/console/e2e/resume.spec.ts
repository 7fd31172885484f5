import type { WebSocketRoute } from '@playwright/test';
import { expect, live, open, type Page, test } from './support';

// The feed is cut and comes back: what each live screen shows then is what the server says, without a reload.

async function cuttable(page: Page): Promise<{ cut: () => Promise<void>; mend: () => void }> {
  const open = new Set<WebSocketRoute>();
  let broken = false;
  await page.routeWebSocket(/\/api\/v1\/live/, (ws) => {
    if (broken) {
      void ws.close({ code: 1012 });
      return;
    }
    ws.connectToServer();
    open.add(ws);
  });
  return {
    cut: async () => {
      broken = true;
      for (const ws of open) await ws.close({ code: 1012 });
      open.clear();
    },
    mend: () => { broken = false; },
  };
}

interface Row { id: string; alarms: { high: number } }
const rest = async <T>(page: Page, path: string) => (await (await page.request.get(path)).json()) as T;

const screens: readonly { path: string; equals: (page: Page) => Promise<void> }[] = [
  { path: '/', equals: async (page) => {
    const { matched } = await rest<{ matched: number }>(page, '/api/v1/pumps/count?q=status:active%20presence:online');
    await expect(page.getByRole('link', { name: /^\d+ online$/ })).toHaveText(`${matched} online`, { timeout: 2000 });
  } },
  { path: '/fleet', equals: async (page) => {
    const { rows } = await rest<{ rows: Row[] }>(page, '/api/v1/pumps');
    await expect(page.getByText(`${rows.length} pumps`).first()).toBeVisible({ timeout: 2000 });
    const { facets } = await rest<{ facets: { presence: Record<string, number> } }>(page, '/api/v1/pumps/count?facets=presence');
    for (const [name, n] of Object.entries(facets.presence).filter(([p]) => p === 'online' || p === 'offline')) await expect(page.getByRole('button', { name: new RegExp(`^${n} ${name}$`) })).toBeVisible({ timeout: 2000 });
  } },
  { path: '/alarms', equals: async (page) => {
    const { items } = await rest<{ items: { priority: string }[] }>(page, '/api/v1/alarms?state=active&limit=5000');
    for (const p of ['high', 'medium', 'low']) await expect(page.getByRole('group', { name: 'Active alarms' }).locator(`[data-priority="${p}"]`)).toContainText(String(items.filter((a) => a.priority === p).length), { timeout: 2000 });
  } },
  { path: '/pumps/1', equals: async (page) => {
    const { presence } = await rest<{ presence: string }>(page, '/api/v1/pumps/1');
    await expect(page.getByRole('main').getByText(new RegExp(`^${presence}`, 'i')).first()).toBeVisible({ timeout: 2000 });
  } },
];

for (const { path, equals } of screens) {
  test(`${path}: cut, said to be not live, resumed, and equal to what the server says`, async ({ page }) => {
    const feed = await cuttable(page);
    await open(page, path);
    const loads = await page.evaluate(() => performance.getEntriesByType('navigation').length);
    await feed.cut();
    await expect(page.locator('[data-feed-banner]')).toBeVisible({ timeout: 20_000 });
    feed.mend();
    await live(page);
    await expect(page.locator('[data-feed-banner]')).toHaveCount(0, { timeout: 15_000 });
    // The fleet moves on between the two looks; then both are taken again.
    await expect(() => equals(page)).toPass({ timeout: 90_000 });
    expect(await page.evaluate(() => performance.getEntriesByType('navigation').length)).toBe(loads);
  });
}
