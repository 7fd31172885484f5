import { expect, live, type Page, signIn, signInAs, test } from './support';

// What comes late must not push away what is there: a row that moves from under a click is a wrong pump, a wrong alarm, a wrong
// order. Every screen is opened anew and says how much of it moved by itself (web.dev's layout shift score, summed up).

const LIMIT = 0.05;

const pump = ['', '?tab=therapy', '?tab=readings', '?tab=timeline', '?tab=alarms', '?tab=identity', '?tab=refusals'].map((tab) => `/pumps/1${tab}`);
const screens = [
  '/', '/fleet', '/groups', '/alarms', '/alarms?show=all', '/orders', '/devices', '/work', '/recalls', '/recalls/1', '/library', '/library/1', '/keyset', '/reports', '/record',
  '/status', '/me', '/help', '/help/orders', '/pumps/new', ...pump, '/pumps/1/propose',
];
/** Only for some: seen by an administrator. */
const administration = ['/people', '/people?tab=roles', '/people?tab=tokens', '/on-call'];

interface Shift { value: number; nodes: string[] }

/** Begins to note what moves, on every page that is opened from here on. */
async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const all: Shift[] = [];
    Object.assign(window, { shifts: all });
    const name = (n: Node | null): string => (n instanceof Element ? `${n.tagName.toLowerCase()}.${n.className.toString().slice(0, 60)}` : n?.parentElement ? name(n.parentElement) : '?');
    const observer = new PerformanceObserver((list) => {
      for (const e of list.getEntries() as unknown as { value: number; hadRecentInput: boolean; startTime: number; sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[] }[]) {
        if (e.hadRecentInput) continue;
        all.push({ value: e.value, nodes: e.sources.map((s) => `${name(s.node)} "${(s.node?.textContent ?? '').slice(0, 30)}" ${s.previousRect.x.toFixed(0)},${s.previousRect.y.toFixed(0)} ${s.previousRect.width.toFixed(0)}x${s.previousRect.height.toFixed(0)} → ${s.currentRect.x.toFixed(0)},${s.currentRect.y.toFixed(0)} ${s.currentRect.width.toFixed(0)}x${s.currentRect.height.toFixed(0)}`) });
      }
    });
    observer.observe({ type: 'layout-shift', buffered: true });
  });
}

/** How much of a screen moved while it came, and what did. */
async function shiftOf(page: Page, path: string): Promise<{ sum: number; shifts: Shift[] }> {
  await page.goto(path);
  await live(page);
  await page.waitForLoadState('networkidle');
  await expect(page.locator('.ghost:visible')).toHaveCount(0);
  const shifts = await page.evaluate(() => (window as unknown as { shifts: Shift[] }).shifts);
  return { sum: shifts.reduce((n, s) => n + s.value, 0), shifts };
}

for (const { width, height } of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  test(`nothing moves away while a screen comes, ${width} px`, async ({ page }) => {
    await page.setViewportSize({ width, height });
    await watch(page);
    const moved: string[] = [];
    const walk = async (paths: readonly string[]) => {
      for (const path of paths) {
        // An alarm that rises meanwhile, or an answer that takes longer than a screen waits, moves something once, and not three times.
        let { sum, shifts } = await shiftOf(page, path);
        for (let more = 2; more > 0 && sum > LIMIT; more--) {
          const again = await shiftOf(page, path);
          if (again.sum < sum) ({ sum, shifts } = again);
        }
        if (sum > LIMIT) moved.push(`${path}: ${sum.toFixed(3)}\n${shifts.filter((s) => s.value > 0.002).map((s) => `  ${s.value.toFixed(3)}\n${s.nodes.map((n) => `    ${n}`).join('\n')}`).join('\n')}`);
      }
    };
    await signIn(page);
    await walk(screens);
    await signInAs(page, 'administrator');
    await walk(administration);
    expect(moved).toEqual([]);
  });
}

test('what moves is noticed', async ({ page }) => {
  await watch(page);
  await signIn(page);
  await shiftOf(page, '/help');
  await page.locator('main').evaluate((main) => { main.style.marginTop = '200px'; });
  await expect(async () => expect(await page.evaluate(() => (window as unknown as { shifts: Shift[] }).shifts.reduce((n, s) => n + s.value, 0))).toBeGreaterThan(LIMIT)).toPass();
});
