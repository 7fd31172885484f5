import { addPasskey } from './ordering';
import type { CDPSession, Page } from '@playwright/test';
import { Caller } from './softkey';
import { demoPeople, expect, expectAccessible, expectNoSidewaysScroll, live, type Person, test } from './support';

/** Passkeys with the browser's own code and a virtual authenticator: enrol, sign in, step up, revoke, and every way it goes wrong. */

async function authenticator(page: Page, verified = true): Promise<{ cdp: CDPSession; id: string }> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: verified, automaticPresenceSimulation: true },
  });
  return { cdp, id: authenticatorId };
}

async function person(page: Page, role: RegExp, nth = 0): Promise<Person> {
  const found = (await demoPeople(page)).filter((p) => role.test(p.role))[nth];
  expect(found, `the demo has ${String(role)}`).toBeTruthy();
  return found!;
}

async function become(page: Page, who: Person): Promise<void> {
  await page.goto('/sign-in');
  await page.getByRole('button', { name: who.name }).click();
  await inside(page, who);
}

async function inside(page: Page, who: Person): Promise<void> {
  await expect(page).not.toHaveURL(/sign-in|enrol/);
  await expect(page.getByRole('button', { name: new RegExp(`${who.name}.*Menu$`) })).toBeVisible();
}

test('a passkey is added, signs in, steps up, and is revoked', async ({ page }) => {
  await authenticator(page);
  const who = await person(page, /nurse/i);
  await become(page, who);
  await addPasskey(page, 'Key of the test');
  await expect(page.getByText('Stays on its device.')).toBeVisible();
  await expectAccessible(page);

  await page.request.delete('/api/v1/session', { headers: { Origin: new URL(page.url()).origin } });
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await inside(page, who);
  await page.goto('/me');
  await expect(page.getByText('Signed in with a passkey.')).toBeVisible();

  await page.getByRole('button', { name: 'Rename Key of the test' }).click();
  await page.getByLabel('Name', { exact: true }).fill('First key');
  await page.getByRole('button', { name: 'Rename', exact: true }).last().click();
  await expect(page.getByText('First key')).toHaveCount(2); // among those that sign in, and those that may sign doses

  await page.getByRole('button', { name: 'Revoke First key' }).click();
  await page.getByLabel('Reason').fill('end of the test');
  await page.getByRole('button', { name: 'Revoke', exact: true }).last().click();
  await expect(page.getByText(/This is your only passkey/)).toBeVisible();
  await page.keyboard.press('Escape');
});

test('a code that two administrators agree on enrols a passkey, and a code that is spent does not', async ({ page, browser, baseURL }) => {
  const who = await person(page, /auditor/i);
  const origin = baseURL!;
  const at = async (p: Person) => Caller.signIn((await browser.newContext()).request, origin, p);
  const [issuer, confirmer] = [await at(await person(page, /administrator/i, 0)), await at(await person(page, /administrator/i, 1))];
  const me = await (await at(who)).call<{ id: string }>('GET', '/session');
  const code = await issuer.call<{ id: string; text: string }>('POST', `/people/${me.id}/codes`, { purpose: 'enrol', reason: 'asked in person' });

  await authenticator(page);
  await page.goto('/sign-in');
  await page.getByRole('link', { name: 'Enter a one-time code' }).click();
  await expect(page.getByRole('heading', { name: 'Enrol a passkey' })).toBeVisible();
  await page.getByLabel('Login').fill(who.login);
  await page.getByLabel('One-time code').fill(code.text);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByText(/a second administrator has not confirmed it yet/)).toBeVisible();
  await expectAccessible(page);
  await confirmer.call('POST', `/codes/${code.id}/confirm`);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByText('signs you in, but can sign no dose')).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Make the passkey' }).click();
  await expect(page.getByText(/is enrolled/)).toBeVisible();
  await page.getByRole('button', { name: 'Sign in with it' }).click();
  await inside(page, who);
  await page.goto('/me');
  await expect(page.getByText(/let a passkey be enrolled for you/)).toBeVisible();
  await page.getByRole('button', { name: 'I have read them' }).click();
  await expect(page.getByText('Nothing new.')).toBeVisible();

  await page.goto('/enrol');
  await page.getByLabel('Login').fill(who.login);
  await page.getByLabel('One-time code').fill(code.text);
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByText(/the code counts no more/)).toBeVisible();

  // A passkey that an administrator revokes signs in no more, and its session ends over the page within five seconds.
  const keys = await issuer.call<{ id: string; kind: string; revoked_at: string | null }[]>('GET', `/people/${me.id}/keys`);
  await page.goto('/fleet');
  await live(page);
  await issuer.call('POST', `/people/${me.id}/keys/${keys.find((k) => k.kind === 'passkey' && k.revoked_at === null)!.id}/revoke`, { reason: 'reported lost' });
  await expect(page.getByRole('dialog', { name: 'Your session has ended' })).toBeVisible({ timeout: 20_000 });
  await expectAccessible(page);
  await page.getByRole('dialog').getByRole('button', { name: 'Use a passkey' }).click();
  await expect(page.getByText(/signs nobody in here/)).toBeVisible();
  await page.getByRole('button', { name: 'Leave this page' }).click();
  await expect(page).toHaveURL(/\/sign-in\?ended=1&to=%2Ffleet/);
});

test('without a passkey the demo confirms with a software key that the browser keeps', async ({ page }) => {
  const who = await person(page, /pharmacist/i);
  await become(page, who);
  await page.goto('/me');
  await expect(page.getByText('No passkey yet')).toBeVisible();
  // Another test may have signed for this person: there is no more than there was.
  const { id } = (await (await page.request.get('/api/v1/session')).json()) as { id: string };
  const kept = async () => ((await (await page.request.get(`/api/v1/people/${id}/keys`)).json()) as unknown[]).length;
  const before = await kept();
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByRole('button', { name: 'Make the passkey' }).click();
  const confirm = page.getByRole('dialog', { name: 'Confirm that it is you' });
  await expect(confirm.getByText(/software key/)).toBeVisible();
  await expectAccessible(page);
  await confirm.getByRole('button', { name: 'Cancel' }).click();
  await expect(confirm).toBeHidden();
  await page.keyboard.press('Escape');
  expect(await kept()).toBe(before);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on "Your security" and when a session has ended, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await become(page, await person(page, /engineer/i));
    await page.goto('/me');
    await expect(page.getByRole('heading', { name: 'Where you are signed in' })).toBeVisible();
    await expectAccessible(page);
    for (const width of [1440, 390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      await expectNoSidewaysScroll(page);
    }
    await page.goto('/enrol');
    await expect(page.getByLabel('One-time code')).toBeVisible();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);
  });
}

test('a key that does not check who you are is refused, and cancelling says so', async ({ page }) => {
  const { cdp, id } = await authenticator(page, false);
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await expect(page.getByText(/cancelled, took too long, or this device has none for you here/)).toBeVisible();
  await cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: id });
});
