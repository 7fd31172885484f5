import { personOf, prescriber, propose } from './ordering';
import { expect, live, signInAs, test } from './support';

// The lines of the console's checklist that belong to no single screen. The others are proved where their screens are.

/** Every screen that anybody can open without something being there first. */
const screens = [
  '/', '/fleet', '/groups', '/alarms', '/alarms?show=all', '/orders', '/devices', '/work', '/recalls', '/library', '/library/1', '/keyset', '/reports', '/on-call', '/record', '/status',
  '/help', '/help/orders', '/me', '/people', '/pumps/new', '/pumps/1', '/pumps/1?tab=therapy', '/pumps/1?tab=readings', '/pumps/1?tab=timeline', '/pumps/1?tab=alarms', '/pumps/1?tab=identity',
];

test('line 6: at 320 px, which is 400 % of 1280, no screen scrolls sideways', async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 720 });
  await signInAs(page, 'administrator');
  const over: string[] = [];
  for (const path of screens) {
    await page.goto(path);
    await live(page);
    await expect(page.getByText(/^Loading/)).toHaveCount(0, { timeout: 20_000 });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wider > 0) over.push(`${path}: ${wider} px`);
  }
  expect(over).toEqual([]);
});

test('lines 22 and 29: a verifier types, and the pump stays in sight', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  const order = await propose(miriam, pump, 600);
  const jonas = await personOf(browser, page, 'jonas');
  await jonas.setViewportSize({ width: 390, height: 600 });
  await jonas.goto(`/orders/${order.id}`);
  await live(jonas);
  const boxes = jonas.locator('input[name^="blind-"]');
  const serial = jonas.locator('input[name="blind-serial"]');
  const number = jonas.locator('input[name^="blind-day"]').first();
  await serial.fill('12.5');
  await serial.press('ControlOrMeta+a');
  await serial.press('ControlOrMeta+c');
  await number.press('ControlOrMeta+v');
  await expect(number).toHaveValue('');
  for (const box of await boxes.all()) await expect(box).toHaveAttribute('autocomplete', 'off');

  await boxes.last().scrollIntoViewIfNeeded();
  await jonas.mouse.wheel(0, 5000);
  await expect(jonas.getByRole('main').getByText(pump.serial).first()).toBeInViewport({ ratio: 1 });

  // The same head on the page where it was proposed, and while it is being proposed.
  await miriam.setViewportSize({ width: 390, height: 600 });
  for (const path of [`/orders/${order.id}`, `/pumps/${pump.id}/propose`]) {
    await miriam.goto(path);
    await live(miriam);
    await expect(miriam.getByText(/^Loading/)).toHaveCount(0);
    await miriam.mouse.wheel(0, 10_000);
    await expect(miriam.getByRole('main').getByText(pump.serial).first()).toBeInViewport({ ratio: 1 });
  }
});
