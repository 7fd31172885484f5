import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type BrowserContext, expect, type Page, test as base } from '@playwright/test';

/** What all browser tests share: somebody who is signed in, axe, and the problems of the page itself. */

export interface Person {
  login: string;
  name: string;
  role: string;
  site: string;
  password: string;
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function demoPeople(page: Page): Promise<Person[]> {
  const answer = await page.request.get('/api/v1/session/demo');
  expect(answer.ok(), 'the server under test must be a demo').toBe(true);
  const { people } = (await answer.json()) as { people: Person[] };
  expect(people.length).toBeGreaterThan(0);
  return people;
}

/** An engineer who sees all sites: the first of the demo's people whose role says so. */
export async function engineer(page: Page): Promise<Person> {
  const people = await demoPeople(page);
  const found = people.find((p) => /engineer/i.test(p.role) && /all/i.test(`${p.role} ${p.site}`)) ?? people.find((p) => /engineer/i.test(p.role));
  expect(found, 'the demo has an engineer').toBeTruthy();
  return found!;
}

export async function signIn(page: Page): Promise<Person> {
  const who = await engineer(page);
  const answer = await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } });
  expect(answer.ok()).toBe(true);
  return who;
}

/** Signs in as the first of the demo's people whose role says so: "engineer", "nurse". */
export async function signInAs(page: Page, role: string): Promise<Person> {
  const who = (await demoPeople(page)).find((p) => p.role.toLowerCase().includes(role));
  expect(who, `the demo has somebody who is ${role}`).toBeTruthy();
  const answer = await page.request.post('/api/v1/session', { data: { login: who!.login, password: who!.password } });
  expect(answer.ok()).toBe(true);
  return who!;
}

/** Opens a page of the console as an engineer and waits until it is live. */
export async function open(page: Page, path: string): Promise<void> {
  await signIn(page);
  await page.goto(path);
  await live(page);
}

export async function live(page: Page): Promise<void> {
  await expect(page.locator('[data-phase="live"]')).toBeVisible({ timeout: 20_000 });
  // The frame is live before the part with the screen has come.
  await expect(page.getByRole('heading', { level: 1, name: 'Loading…' })).toHaveCount(0, { timeout: 20_000 });
}

/** Signs for an act that asks who it is: here a demo's software key does. */
export async function confirm(page: Page): Promise<void> {
  const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await expect(dialog).toHaveCount(0);
}

interface Violation {
  id: string;
  help: string;
  nodes: { target: unknown; html: string; failureSummary?: string }[];
}

/** WCAG 2.0 to 2.2 A and AA and the best practices: nothing may be found, on the page or in the part that a selector names. */
export async function expectAccessible(page: Page, part?: string): Promise<void> {
  // Evaluated by the debugger, not by the page: the page's policy allows no foreign script. Once for a document.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  const violations = await page.evaluate(async (selector) => {
    const { axe } = window as unknown as { axe: { run: (root: Document | Element, o: object) => Promise<{ violations: Violation[]; passes: unknown[] }> } };
    const r = await axe.run((selector && document.querySelector(selector)) || document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    if (r.passes.length === 0) throw new Error('axe found nothing to check');
    return r.violations;
  }, part);
  expect(violations.map((v) => `${v.id}: ${v.help}\n${v.nodes.map((n) => `  ${String(n.target)} ${n.html}\n  ${n.failureSummary ?? ''}`).join('\n')}`)).toEqual([]);
}

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over).toBeLessThanOrEqual(0);
}

const kept = new Set<BrowserContext>();

/** Somebody is still there in the next tests of the file, which closes their context itself. */
export const keep = (page: Page): void => void kept.add(page.context());

/** A test fails when one of its pages, of whatever browser context, logs an error or breaks its content security policy. */
export const test = base.extend<{ clean: void }>({
  clean: [async ({ page, browser }, use) => {
    const problems: string[] = [];
    const watch = (p: Page) => {
      p.on('pageerror', (e) => problems.push(String(e)));
      p.on('console', (m) => {
        const text = m.text();
        // The browser reports answers like 401 by itself; tests that ask for one expect it.
        if (m.type() === 'error' && !text.startsWith('Failed to load resource') && !/WebSocket connection to .* failed/.test(text)) problems.push(text);
      });
    };
    watch(page);
    page.context().on('page', watch);
    // Contexts that the test makes for other people; the browser has no event for them. Their pages would go on asking and listening
    // until the last test, and the server gives a person so many feeds and no more.
    const made: BrowserContext[] = [];
    const make = browser.newContext.bind(browser);
    browser.newContext = async (options) => {
      const context = await make(options);
      context.on('page', watch);
      made.push(context);
      return context;
    };
    await use();
    browser.newContext = make;
    await Promise.all(made.filter((c) => !kept.has(c)).map((c) => c.close()));
    expect(problems).toEqual([]);
  }, { auto: true }],
});

export { expect, type Page };
