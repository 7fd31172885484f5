// Takes the pictures of the documentation from a running demo: `make pictures`. A demo that is some minutes old has more
// to show: `make run`, wait until its two orders are proposed, then this.
import { mkdirSync } from 'node:fs';
import { chromium } from '@playwright/test';

const base = process.env.CISTERNA_BASE_URL ?? 'http://localhost:8600';
const out = new URL('../../../docs/img/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const live = (page) => page.locator('[data-phase="live"]').waitFor();
const settle = (page) => page.waitForTimeout(3000); // two beats of the feed, so that ages are there
const get = async (page, path) => (await page.request.get(`${base}/api/v1${path}`)).json();

async function go(page, path) {
  await page.goto(`${base}${path}`);
  await live(page);
  await settle(page);
}

async function told(page) {
  const { rows } = await get(page, '/pumps');
  return rows.find((r) => r.presence === 'online' && r.top_alarm) ?? rows.find((r) => r.presence === 'online');
}

/** The first order that waits to be verified; the demo proposes two. */
async function proposed(page) {
  for (let i = 0; i < 60; i++) {
    const { items } = await get(page, '/orders?open=true&limit=50');
    const found = items.find((o) => o.state === 'proposed');
    if (found) return found;
    await page.waitForTimeout(1000);
  }
  throw new Error('no order is proposed in this demo');
}

/** Each picture: its file, whose screen it is, and how one gets there. The README's come in both themes. */
const pictures = [
  { file: 'fleet', login: 'anna', both: true, open: (page) => go(page, '/fleet') },
  { file: 'pump', login: 'anna', both: true, open: async (page) => { await go(page, `/pumps/${(await told(page)).id}`); await page.locator('canvas').first().waitFor(); } },
  { file: 'guide-engineer-home', login: 'anna', open: (page) => go(page, '/') },
  { file: 'guide-engineer-fleet', login: 'anna', open: (page) => go(page, `/fleet?${new URLSearchParams({ q: 'low_in<30d site:GEREON' })}`) },
  { file: 'guide-prescriber-propose', login: 'miriam', open: async (page) => { await go(page, `/pumps/${(await proposed(page)).pump}?tab=therapy`); await page.getByRole('link', { name: 'Propose an order' }).click(); await page.getByRole('heading', { name: 'Seven days, rehearsed' }).waitFor(); await settle(page); } },
  { file: 'guide-verifier-blind', login: 'jonas', open: async (page) => { await go(page, `/orders/${(await proposed(page)).id}`); await page.getByLabel('Where your numbers come from').scrollIntoViewIfNeeded(); } },
  { file: 'guide-nurse-home', login: 'rosa', open: (page) => go(page, '/') },
  { file: 'guide-pharmacist-library', login: 'priya', open: (page) => go(page, '/library') },
  { file: 'guide-auditor-record', login: 'karl', open: async (page) => { await go(page, '/record'); await page.getByRole('button', { name: 'Verify all' }).click(); await page.waitForTimeout(5000); } },
  { file: 'guide-administrator-people', login: 'ada', open: (page) => go(page, '/people') },
];

for (const { file, login, both, open } of pictures) {
  for (const scheme of both ? ['light', 'dark'] : ['light']) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 860 }, colorScheme: scheme, locale: 'en-GB' });
    const page = await context.newPage();
    const { people } = await get(page, '/session/demo');
    const { password } = people.find((p) => p.login === login);
    const answer = await page.request.post(`${base}/api/v1/session`, { data: { login, password }, headers: { origin: base } });
    if (!answer.ok()) throw new Error(`${login} cannot sign in: ${answer.status()}`);
    await open(page);
    await page.screenshot({ path: `${out}${file}${both ? `-${scheme}` : ''}.png` });
    await context.close();
  }
}
await browser.close();
