// Measures the fleet screen as somebody feels it: 10,000 rows, a feed of five deltas a second, Debian's Chromium without a
// graphics card. The page and its sign-in come from a running demo; rows and feed are made here, so that every run has the same.
// Prints lines in the form of Go's benchmarks, for .ci/bench.
import { chromium } from '@playwright/test';

const base = process.env.CISTERNA_BASE_URL ?? 'http://localhost:8600';
const ROWS = Number(process.env.ROWS ?? 10_000);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 6);
const TOUCHED = 200; // rows of a delta

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' })).newPage();
await page.goto(`${base}/`);
const { people } = await (await page.request.get(`${base}/api/v1/session/demo`)).json();
const entered = await page.request.post(`${base}/api/v1/session`, { data: { login: people[0].login, password: people[0].password } });
if (!entered.ok()) throw new Error(`sign in: ${entered.status()}`);
const { rows: real } = await (await page.request.get(`${base}/api/v1/pumps`)).json();
if (real.length === 0) throw new Error('the demo has no pumps');

// As many rows as asked for, made of those that the demo has.
const presences = ['online', 'online', 'online', 'stale', 'offline'];
const rows = Array.from({ length: ROWS }, (_, i) => ({
  ...real[i % real.length], id: String(i + 1), serial: `ME${String(100_000 + i * 7 % 900_000)}${i}`, presence: presences[i % 5], rev: i + 1, battery_pct: i % 101,
}));
let rev = ROWS;
await page.route('**/api/v1/pumps', (route) => route.fulfill({ json: { epoch: 'bench', rev, at: new Date().toISOString(), rows } }));
let turn = 0;
await page.routeWebSocket(/\/api\/v1\/live/, (ws) => {
  ws.send(JSON.stringify({ t: 'hello', v: 1, epoch: 'bench', rev, aseq: 0, resumed: false, retry_min_ms: 500, retry_max_ms: 30_000, beat_ms: 2000, now: Date.now() }));
  setInterval(() => {
    const prev = rev++;
    const touched = Array.from({ length: TOUCHED }, (_, k) => {
      const i = (turn * TOUCHED + k) % ROWS;
      return { id: String(i + 1), reservoir_nl: String(1_000_000 + ((turn * 7919 + k) % 19_000_000)), battery_mv: 2700 + ((turn + k) % 300), last_data: new Date().toISOString(), rev };
    });
    turn++;
    ws.send(JSON.stringify({ t: 'delta', rev, prev, rows: touched }));
  }, 200);
  setInterval(() => ws.send(JSON.stringify({ t: 'beat', now: Date.now(), rev, aseq: 0 })), 2000);
});

await page.goto(`${base}/fleet?sort=pump`);
const grid = page.getByRole('grid');
await grid.waitFor();
if ((await grid.getAttribute('aria-rowcount')) !== String(ROWS + 1)) throw new Error(`the grid has ${await grid.getAttribute('aria-rowcount')} rows, not ${ROWS + 1}`);
const first = turn;
await page.waitForTimeout(2000); // until what comes late has come

/** Frames a second while `act` runs: the page's own, each from one animation frame to the next. */
async function frames(act) {
  await page.evaluate(() => {
    window.benchAt = [];
    const tick = (t) => { window.benchAt.push(t); window.benchFrame = requestAnimationFrame(tick); };
    window.benchFrame = requestAnimationFrame(tick);
  });
  await act();
  const at = await page.evaluate(() => { cancelAnimationFrame(window.benchFrame); return window.benchAt; });
  const rates = at.slice(1).map((t, i) => 1000 / (t - at[i])).toSorted((a, b) => a - b);
  if (rates.length < 30) throw new Error(`only ${rates.length} frames`);
  return rates;
}
const q = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];

const still = await frames(() => page.waitForTimeout(2000));
await page.mouse.move(700, 600);
const scrolling = await frames(async () => {
  const end = Date.now() + SECONDS * 1000;
  while (Date.now() < end) {
    await page.mouse.wheel(0, 240);
    await page.waitForTimeout(16);
  }
});

// From a key to the frame that shows it.
await page.mouse.move(10, 400);
const box = page.getByLabel('Filter by text');
await box.click();
await page.evaluate(() => {
  window.benchTyped = [];
  const input = document.activeElement;
  input.addEventListener('keydown', () => {
    const from = performance.now();
    requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => window.benchTyped.push(performance.now() - from); c.port2.postMessage(0); });
  }, { capture: true });
});
for (const text of ['ME1', 'presence:offline battery<50', 'morphine', 'alarm:high OR stale']) {
  await box.fill('');
  await page.keyboard.type(text, { delay: 130 });
  await page.waitForTimeout(400);
}
const typed = (await page.evaluate(() => window.benchTyped)).toSorted((a, b) => a - b);
if (typed.length < 40) throw new Error(`only ${typed.length} keys were measured`);
if (turn - first < 20) throw new Error('the feed did not run');
await browser.close();

const line = (name, ...metrics) => console.log(`BenchmarkConsole/${name} 1 ${metrics.map(([v, unit]) => `${v.toFixed(1)} ${unit}`).join(' ')}`);
line('still', [q(still, 0.5), 'fps-median']);
line('scroll', [q(scrolling, 0.5), 'fps-median'], [q(scrolling, 0.05), 'fps-p5']);
line('typing', [q(typed, 0.5), 'p50-ms'], [q(typed, 0.95), 'p95-ms'], [typed.length, 'keys']);
process.exit(0); // the feed's timers would keep it
