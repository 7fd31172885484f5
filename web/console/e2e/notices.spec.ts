import type { Browser, Page } from '@playwright/test';
import { addPasskey, authenticator } from './ordering';
import { Caller } from './softkey';
import { demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, type Person, test } from './support';

/** What a person hears about their own account, on every page of it: somebody may be getting in, or has. */

async function person(page: Page, role: RegExp, nth = 0): Promise<Person> {
  const found = (await demoPeople(page)).filter((p) => role.test(p.role))[nth];
  expect(found, `the demo has ${String(role)}`).toBeTruthy();
  return found!;
}

/** Two administrators make a code for somebody; only with the second one does it count. */
async function administrators(page: Page, browser: Browser, origin: string): Promise<[Caller, Caller]> {
  const at = async (nth: number) => Caller.signIn((await browser.newContext()).request, origin, await person(page, /administrator/i, nth));
  return [await at(0), await at(1)];
}

async function signIn(page: Page, who: Person): Promise<void> {
  const answer = await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } });
  expect(answer.ok()).toBe(true);
}

/** Leaves nobody with a passkey of these tests: others begin with people who have none. */
async function takeBack(by: Caller, id: string): Promise<void> {
  const keys = await by.call<{ id: string; kind: string; revoked_at: string | null }[]>('GET', `/people/${id}/keys`);
  for (const key of keys.filter((k) => k.kind === 'passkey' && k.revoked_at === null)) await by.call('POST', `/people/${id}/keys/${key.id}/revoke`, { reason: 'end of the test' });
}

const menu = (page: Page, who: Person) => page.getByRole('button', { name: new RegExp(`${who.name}.*Menu$`) });

/** Pages of every kind: those of everybody, those with their own loading, and one's own. */
const pages = ['/', '/fleet', '/alarms', '/me', '/help'];

test('a recovery of an account stands on every page of it until its person objects, and then counts no more', async ({ page, browser, baseURL }) => {
  const who = await person(page, /pharmacist/i);
  const [issuer, confirmer] = await administrators(page, browser, baseURL!);
  await signIn(page, who);
  const me = (await (await page.request.get('/api/v1/session')).json()) as { id: string };
  const banner = page.getByRole('alert').filter({ hasText: 'About your account:' });
  await authenticator(page);
  await addPasskey(page, 'Key of the test'); // there must be one to be replaced
  await expect(banner).toHaveCount(0);

  // A code that one administrator alone has made is good for nothing, and worth no word.
  const code = await issuer.call<{ id: string; text: string }>('POST', `/people/${me.id}/codes`, { purpose: 'recover', reason: 'says that the phone is lost' });
  await page.goto('/fleet');
  await live(page);
  await expect(banner).toHaveCount(0);

  await confirmer.call('POST', `/codes/${code.id}/confirm`);
  for (const path of pages) {
    await page.goto(path);
    await live(page);
    await expect(banner).toContainText('let your passkeys be replaced (says that the phone is lost)');
    await expect(banner).toContainText('If you did not ask for this, object.');
    await expect(menu(page, who)).toHaveAccessibleName(/^[1-9]\d* new notices?, /);
  }
  await expectAccessible(page);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectNoSidewaysScroll(page);
  await expect(banner).toBeVisible();
  await page.setViewportSize({ width: 1440, height: 900 });

  // Having read it does not end it: whoever reads and thinks "later" is still warned.
  await page.goto('/fleet');
  await live(page);
  await banner.getByRole('link', { name: 'Look at it, or object' }).click();
  await expect(page).toHaveURL(/\/me$/);
  await page.getByRole('button', { name: 'I have read them' }).click();
  await expect(page.getByRole('button', { name: 'I have read them' })).toHaveCount(0);
  await expect(banner).toBeVisible();
  await expect(menu(page, who)).not.toHaveAccessibleName(/new notice/);

  await page.getByRole('button', { name: 'I did not ask for this' }).click();
  await expect(banner).toHaveCount(0);
  await expect(page.getByText(/You objected to the code that/)).toBeVisible();
  for (const path of pages) {
    await page.goto(path);
    await live(page);
    await expect(menu(page, who)).toBeVisible();
    await expect(banner).toHaveCount(0);
  }
  // Nobody gets in with it now, not even those who made it.
  await expect(confirmer.call('POST', `/codes/${code.id}/confirm`)).rejects.toThrow(/409/);
  await takeBack(issuer, me.id);
});

test('notices are of one person: the next at the same browser sees none of them', async ({ page, browser, baseURL }) => {
  const who = await person(page, /pharmacist/i);
  const other = await person(page, /nurse/i);
  const [issuer, confirmer] = await administrators(page, browser, baseURL!);
  await signIn(page, who);
  const me = (await (await page.request.get('/api/v1/session')).json()) as { id: string };
  const issue = (purpose: string) => issuer.call<{ id: string }>('POST', `/people/${me.id}/codes`, { purpose, reason: 'asked in person' });
  const code = await issue('enrol').catch(() => issue('recover')); // whoever had a passkey before does not enrol again
  await confirmer.call('POST', `/codes/${code.id}/confirm`);
  const banner = page.getByRole('alert').filter({ hasText: 'About your account:' });
  await page.goto('/fleet');
  await live(page);
  await expect(banner).toBeVisible();
  // In the demo one becomes somebody else without leaving the page.
  await menu(page, who).click();
  await page.getByRole('button', { name: new RegExp(`^${other.name}`) }).click();
  await expect(menu(page, other)).toBeVisible();
  await expect(banner).toHaveCount(0);
  // Withdrawn by those who made it, it is over for its person too.
  await issuer.call('POST', `/codes/${code.id}/withdraw`);
  await signIn(page, who);
  await page.goto('/fleet');
  await live(page);
  await expect(menu(page, who)).toBeVisible();
  await expect(banner).toHaveCount(0);
});

test('a new passkey is told of, on every page by its number and on one\'s own in words, until it was read', async ({ page, browser, baseURL }) => {
  const who = await person(page, /nurse/i);
  await signIn(page, who);
  await page.goto('/me');
  await live(page);
  const read = page.getByRole('button', { name: 'I have read them' });
  if (await read.isVisible()) await read.click();
  await expect(menu(page, who)).not.toHaveAccessibleName(/new notice/);
  const name = `Key ${Date.now()}`;
  await authenticator(page);
  await addPasskey(page, name);
  for (const path of pages) {
    await page.goto(path);
    await live(page);
    await expect(menu(page, who)).toHaveAccessibleName(/^[1-9]\d* new notices?, /);
  }
  await page.goto('/me');
  const notice = page.getByRole('listitem').filter({ hasText: `The passkey “${name}” was enrolled for you.` });
  await expect(notice).toContainText('New.');
  await expectAccessible(page);
  await read.click();
  await expect(page.getByText('Nothing new.')).toBeVisible();
  await expect(menu(page, who)).not.toHaveAccessibleName(/new notice/);
  // It is kept, and can be looked up.
  await page.getByRole('button', { name: /^Older notices/ }).click();
  await expect(notice).toBeVisible();
  const [issuer] = await administrators(page, browser, baseURL!);
  await takeBack(issuer, ((await (await page.request.get('/api/v1/session')).json()) as { id: string }).id);
});
