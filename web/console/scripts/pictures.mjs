// Takes the pictures of the documentation from a running demo: `make pictures`.
import { mkdirSync } from 'node:fs';
import { chromium } from '@playwright/test';

const base = process.env.CISTERNA_BASE_URL ?? 'http://localhost:8600';
const out = new URL('../../../docs/img/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

for (const scheme of ['light', 'dark']) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 860 }, colorScheme: scheme, locale: 'en-GB' });
  const page = await context.newPage();
  await page.goto(`${base}/`);
  const { people } = await (await page.request.get(`${base}/api/v1/session/demo`)).json();
  await page.request.post(`${base}/api/v1/session`, { data: { login: people[0].login, password: people[0].password } });
  await page.goto(`${base}/fleet`);
  await page.locator('[data-phase="live"]').waitFor();
  await page.waitForTimeout(3000); // two beats of the feed, so that ages are there
  await page.screenshot({ path: `${out}fleet-${scheme}.png` });
  const { rows } = await (await page.request.get(`${base}/api/v1/pumps`)).json();
  const told = rows.find((r) => r.presence === 'online' && r.top_alarm) ?? rows.find((r) => r.presence === 'online');
  await page.goto(`${base}/pumps/${told.id}`);
  await page.locator('canvas').first().waitFor();
  await page.waitForTimeout(2000);
  await page.screenshot({ path: `${out}pump-${scheme}.png` });
  await context.close();
}
await browser.close();
