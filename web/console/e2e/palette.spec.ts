import { expect, expectAccessible, live, open, test } from './support';

/** The palette comes in a part of its own, and whoever calls it types at once. */

test('what is typed while the palette is on its way is in its box, and nowhere else', async ({ page }) => {
  let release = () => {};
  const held = new Promise<void>((done) => { release = done; });
  await page.route(/\/assets\/(Palette|DialogSheet)-[^/]*\.js$/, async (route) => {
    await held;
    await route.continue();
  });
  await open(page, '/fleet');
  await page.getByLabel('Filter by text').focus();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('alr');
  await page.keyboard.press('Backspace');
  release();
  await page.keyboard.type('arms', { delay: 15 });
  const box = page.getByRole('combobox', { name: 'Search' });
  await expect(box).toHaveValue('alarms');
  await expect(box).toBeFocused();
  await page.keyboard.type(' hi');
  await expect(box).toHaveValue('alarms hi');
  await page.keyboard.press('Escape');
  await expect(box).toBeHidden();
  await expect(page.getByLabel('Filter by text')).toHaveValue('');
  await expect(page).toHaveURL(/\/fleet$/);
  await expect(page.getByLabel('Filter by text')).toBeFocused();
});

test('a part that does not come leaves the page and what was entered, and comes with a reload', async ({ page }) => {
  let down = true;
  await page.route(/\/assets\/Palette-[^/]*\.js$/, (route) => (down ? route.abort() : route.continue()));
  await open(page, '/fleet');
  await page.getByLabel('Filter by text').fill('ME');
  await page.getByRole('button', { name: /^Search or go to/ }).click();
  const notice = page.getByRole('alert').filter({ hasText: 'A part of this page has not come' });
  await expect(notice).toBeVisible();
  await expect(page.getByLabel('Filter by text')).toHaveValue('ME');
  await expectAccessible(page, '[role="alert"]:has(button)');
  down = false;
  await notice.getByRole('button', { name: 'Reload the page' }).click();
  await live(page);
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox', { name: 'Search' })).toBeFocused();
});
