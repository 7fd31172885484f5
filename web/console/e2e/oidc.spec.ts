import type { Browser, Page } from '@playwright/test';
import { Provider } from './provider';
import { Caller } from './softkey';
import { demoPeople, expect, expectAccessible, live, type Person, test } from './support';

/** Signing in at the organisation, through the browser: out to its page and back, linked once by a code that two administrators agree on. */

let provider: Provider;

test.beforeAll(async ({ baseURL }) => {
  // The server under test was told of it when it was started (playwright.config.ts).
  provider = await Provider.start(Number(new URL(baseURL!).port) + 4, 'cisterna');
});
test.afterAll(() => provider.stop());

const rosa = { user: 'r.ferreira', password: 'from the organisation', subject: 'org-4711' };

async function person(page: Page, which: (p: Person) => boolean): Promise<Person> {
  const found = (await demoPeople(page)).find(which);
  expect(found).toBeTruthy();
  return found!;
}

/** At the organisation's own page. */
async function atOrganisation(page: Page, user: string, password: string): Promise<void> {
  await expect(page.getByRole('heading', { name: 'Sign in to your organisation' })).toBeVisible();
  expect(new URL(page.url()).origin).toBe(provider.issuer);
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** A code to link an account, by two administrators. */
async function linkCode(page: Page, browser: Browser, origin: string, who: Person): Promise<string> {
  const admins = (await demoPeople(page)).filter((p) => /administrator/i.test(p.role));
  const at = async (p: Person) => Caller.signIn((await browser.newContext()).request, origin, p);
  const [issuer, confirmer, them] = [await at(admins[0]!), await at(admins[1]!), await at(who)];
  const { id } = await them.call<{ id: string }>('GET', '/session');
  const code = await issuer.call<{ id: string; text: string }>('POST', `/people/${id}/codes`, { purpose: 'link', reason: 'asked in person' });
  await confirmer.call('POST', `/codes/${code.id}/confirm`);
  return code.text;
}

test('an account is linked by a code, then the organisation signs the person in, and out', async ({ page, browser, baseURL }) => {
  const who = await person(page, (p) => p.login === 'rosa');
  await page.goto('/sign-in');
  const button = page.getByRole('button', { name: 'Sign in with the organisation' });
  await expect(button).toBeVisible();
  await expectAccessible(page);

  // Who is known there and linked to nobody here is not let in, and is told what to do.
  await button.focus();
  await page.keyboard.press('Enter');
  await atOrganisation(page, rosa.user, 'wrong');
  await expect(page.getByText('User or password is wrong.')).toBeVisible();
  await atOrganisation(page, rosa.user, rosa.password);
  await expect(page.getByText(/no account here that is open is linked to that/)).toBeVisible();
  await expectAccessible(page);

  const code = await linkCode(page, browser, baseURL!, who);
  await page.goto('/enrol');
  await page.getByLabel('Login').fill(who.login);
  await page.getByLabel('One-time code').fill(code);
  await page.getByRole('button', { name: 'The code is to link the organisation' }).click();
  await atOrganisation(page, rosa.user, rosa.password);
  await expect(page.getByRole('heading', { level: 1, name: 'Home' })).toBeVisible();
  await live(page);
  expect(new URL(page.url()).search, 'nothing of the way stays in the address').toBe('');
  await page.goto('/me');
  await expect(page.getByRole('heading', { name: /Your organisation.s sign-in/ })).toBeVisible();
  await expectAccessible(page);

  // The next time without a code; what the browser came back with counts once.
  await page.request.delete('/api/v1/session', { headers: { Origin: new URL(page.url()).origin } });
  await page.goto('/sign-in');
  let back = '';
  page.on('framenavigated', (f) => {
    if (f.url().includes('/sign-in/back?')) back = f.url();
  });
  await button.click();
  await atOrganisation(page, rosa.user, rosa.password);
  await expect(page.getByRole('button', { name: new RegExp(`${who.name}.*Menu$`) })).toBeVisible();
  expect(((await (await page.request.get('/api/v1/session')).json()) as { login: string; means: string })).toMatchObject({ login: 'rosa', means: 'oidc' });
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(back);
  await expect(stranger.getByText(/took too long, was done already, or began in another browser/)).toBeVisible();
  await stranger.context().close();

  // Signed out there, signed out here.
  await page.goto('/fleet');
  await live(page);
  const ended = await page.request.post('/api/v1/session/oidc/logout', { form: { logout_token: provider.logoutToken(rosa.subject) } });
  expect(ended.ok()).toBe(true);
  await expect(page.getByRole('dialog', { name: 'Your session has ended' })).toBeVisible({ timeout: 20_000 });
});

test('who turns back at the organisation is not signed in, and may begin again', async ({ page }) => {
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Sign in with the organisation' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByText(/did not let you in/)).toBeVisible();
  await page.getByRole('link', { name: 'Back to signing in' }).click();
  await expect(page.getByLabel('Login')).toBeVisible();
  expect((await page.request.get('/api/v1/session')).status()).toBe(401);
});
