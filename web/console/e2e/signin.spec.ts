import { demoPeople, engineer, expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

test('a wrong password is refused in plain words, and a right one lets in', async ({ page }) => {
  const who = await engineer(page);
  await page.goto('/');
  await expect(page).toHaveURL(/\/sign-in$/);
  await page.getByLabel('Login').fill(who.login);
  await page.getByLabel('Password', { exact: true }).fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('Login or password is wrong.')).toBeVisible();
  await expect(page.getByLabel('Login')).toHaveValue(who.login);
  await expect(page.getByLabel('Password', { exact: true })).toBeFocused();
  await page.getByLabel('Password', { exact: true }).fill(who.password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Home' })).toBeVisible();
  await expect(page).toHaveURL(/\/$/);
});

test('an unknown login is refused in the same words as a wrong password', async ({ page }) => {
  await page.goto('/sign-in');
  await page.getByLabel('Login').fill('nobody-of-that-name');
  await page.getByLabel('Password', { exact: true }).fill('whatever it is');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await expect(page.getByText('Login or password is wrong.')).toBeVisible();
});

test('in the demo one click is enough, and another one switches person', async ({ page }) => {
  const people = await demoPeople(page);
  await page.goto('/sign-in');
  await page.getByRole('button', { name: people[0]!.name }).click();
  await expect(page.getByRole('heading', { name: 'Home' })).toBeVisible();
  await live(page);
  await page.getByRole('button', { name: new RegExp(people[0]!.name) }).click();
  await page.getByRole('button', { name: people[1]!.name }).click();
  await expect(page.getByRole('button', { name: new RegExp(people[1]!.name) })).toBeVisible();
  await live(page);
});

test('keyboard only: in, to a pump, and out', async ({ page }) => {
  const who = await engineer(page);
  await page.goto('/sign-in');
  await expect(page.getByLabel('Login')).toBeFocused();
  await page.keyboard.type(who.login);
  await page.keyboard.press('Tab');
  await page.keyboard.type(who.password);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Home' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByText('Skip to the content')).toBeFocused();
  const menu = page.getByRole('button', { name: new RegExp(who.name) });
  while (!(await menu.evaluate((e) => e === document.activeElement))) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog').locator(':focus')).toHaveCount(1); // the focus has gone in
  await page.keyboard.press('Shift+Tab');
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/sign-in$/);
  await page.goto('/fleet');
  await expect(page).toHaveURL(/\/sign-in\?to=%2Ffleet$/);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing, ${colorScheme}`, async ({ page }) => {
    await page.emulateMedia({ colorScheme });
    await page.goto('/sign-in');
    await expect(page.getByRole('button', { name: 'Sign in', exact: true })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await expect(page.getByText('Enter your login.')).toBeVisible();
    await expectAccessible(page);
  });
}

test('nothing scrolls sideways at 390 px and at 320 px', async ({ page }) => {
  for (const width of [390, 320]) {
    await page.setViewportSize({ width, height: 844 });
    await page.goto('/sign-in');
    await expect(page.getByRole('button', { name: 'Sign in', exact: true })).toBeVisible();
    await expectNoSidewaysScroll(page);
  }
});
