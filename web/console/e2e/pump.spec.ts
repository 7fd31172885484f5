import type { Page } from '@playwright/test';
import { confirm, expect, expectAccessible, expectNoSidewaysScroll, live, open, signIn, test } from './support';

interface Row {
  id: string;
  serial: string;
  presence: string;
  last_data: string | null;
}

interface Alarm {
  id: string;
  pump: string;
  title: string;
  priority: string;
  state: string;
}

/** A pump that is online and has sent readings. */
async function onlinePump(page: Page): Promise<Row> {
  await signIn(page);
  let found: Row | undefined;
  await expect.poll(async () => {
    const answer = await page.request.get('/api/v1/pumps');
    found = ((await answer.json()) as { rows: Row[] }).rows.find((r) => r.presence === 'online' && r.last_data);
    return found !== undefined;
  }, { timeout: 30_000, message: 'a pump of the demo is online' }).toBe(true);
  return found!;
}

/** An alarm that nobody has acknowledged yet. */
async function waitingAlarm(page: Page): Promise<Alarm> {
  let found: Alarm | undefined;
  await expect.poll(async () => {
    const answer = await page.request.get('/api/v1/alarms?state=active');
    found = ((await answer.json()) as { items: Alarm[] }).items.find((a) => a.state === 'active' && a.priority !== 'info');
    return found !== undefined;
  }, { timeout: 90_000, message: 'the demo has an alarm that waits' }).toBe(true);
  return found!;
}

const chart = (page: Page, name: string) => page.getByRole('application', { name: new RegExp(`^${name} chart`) });

test('charts: drawn, summed up, walked with the keys, read as a table', async ({ page }) => {
  const pump = await onlinePump(page);
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await expect(page.getByRole('heading', { name: pump.serial })).toBeVisible();
  for (const name of ['Reservoir', 'Rate', 'Battery', 'Temperature']) await expect(chart(page, name).locator('canvas')).toBeVisible();
  await expect(page.getByText(/Newest \d+\.\d\d mL at .+, lowest \d+\.\d\d mL, highest \d+\.\d\d mL/)).toBeAttached();
  await chart(page, 'Reservoir').focus();
  await page.keyboard.press('End');
  // With what else stands at that time: a test before this one may have given the pump another program.
  await expect(page.getByText(/^\d\d:\d\d:\d\d: \d+\.\d\d mL(\. .+)?$/)).toBeAttached();
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('button', { name: 'Reservoir as a table' }).click();
  const table = page.getByRole('region', { name: 'Reservoir, table' });
  await expect(table.getByRole('row').nth(1)).toHaveText(/\d+\.\d\d$/);
});

test('the window: a range, looking back, and back to live', async ({ page }) => {
  const pump = await onlinePump(page);
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await expect(page.getByText('Following live')).toBeVisible();
  await page.getByRole('button', { name: '1 h', exact: true }).click();
  await expect(page).toHaveURL(/span=1h/);
  await page.getByRole('button', { name: 'Earlier' }).click();
  await expect(page).toHaveURL(/from=\d+&to=\d+/);
  await expect(page.getByText('Following live')).toBeHidden();
  await page.reload();
  await expect(page.getByRole('button', { name: 'Back to live' })).toBeVisible();
  await page.getByRole('button', { name: 'Back to live' }).click();
  await expect(page.getByText('Following live')).toBeVisible();
  // Drawing a window with the pointer does the same as the buttons.
  const box = (await chart(page, 'Reservoir').locator('.u-over').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 40, { steps: 5 });
  await page.mouse.up();
  await expect(page.getByRole('button', { name: 'Back to live' })).toBeVisible();
});

test('the timeline tells the story and can be narrowed', async ({ page }) => {
  const pump = await onlinePump(page);
  await page.goto(`/pumps/${pump.id}?tab=timeline`);
  await live(page);
  const story = page.getByRole('region', { name: 'Timeline' });
  await expect(story.getByRole('listitem').first()).toBeVisible();
  await story.getByRole('button', { name: 'Link' }).click();
  await expect(page).toHaveURL(/groups=link/);
  const entries = story.locator('li[data-group]');
  await expect(story.locator('li[data-group="link"]').first()).toBeVisible();
  const are = (name: string) => entries.evaluateAll((all, n) => [...new Set(all.map((e) => e.getAttribute(n)))], name);
  await expect.poll(() => are('data-group')).toEqual(['link']);
  await story.getByRole('button', { name: 'By the server' }).click();
  await expect(page).toHaveURL(/groups=link&by=system/);
  await expect.poll(() => are('data-by')).toEqual(['system']);
  expect(await are('data-group')).toEqual(['link']);
  // The address is the filter: it holds over a reload, and over Back.
  await page.reload();
  await live(page);
  await expect(story.getByRole('button', { name: 'By the server' })).toHaveAttribute('aria-pressed', 'true');
  await expect.poll(() => are('data-by')).toEqual(['system']);
  // What there is nothing of is said, with a way back to everything.
  await story.getByRole('button', { name: 'Link' }).click();
  await story.getByRole('button', { name: 'Refills' }).click();
  await expect(story.getByText('There is nothing of what was chosen: refills, by the server.')).toBeVisible();
  await story.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(page).not.toHaveURL(/groups|by=/);
  await expect(entries.first()).toBeVisible();
});

test('identity: what it is and what it is trusted by', async ({ page }) => {
  const pump = await onlinePump(page);
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await page.getByRole('tab', { name: 'Identity' }).click();
  await expect(page.getByText(/days? left/)).toBeVisible();
  for (const name of ['Communicator', 'Certificate', 'Keys', 'Device profile', 'Records received']) await expect(page.getByRole('heading', { name })).toBeVisible();
});

test('an act names what will happen and does not go without a reason', async ({ page }) => {
  const pump = await onlinePump(page);
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('button', { name: /Revoke trust/ }).click();
  const dialog = page.getByRole('dialog', { name: `Revoke trust: ${pump.serial}` });
  await expect(dialog.getByLabel('Reason')).toBeFocused();
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click();
  await expect(dialog.getByText('Say why; it goes into the record.')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(page.getByRole('button', { name: 'Actions' })).toBeFocused();
});

test('a pump is retired for good: its serial is typed, and it is signed for', async ({ page }) => {
  await signIn(page);
  const [site] = (await (await page.request.get('/api/v1/sites')).json()) as { id: string }[];
  const made = await page.request.post('/api/v1/pumps', { data: { site: site!.id, serial: `R${Date.now()}`, model: 'Meander P20', profile: 'meander-p20' } });
  expect(made.status()).toBe(201);
  const pump = (await made.json()) as { id: string; serial: string };
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('button', { name: /^Retire/ }).click();
  const dialog = page.getByRole('dialog', { name: new RegExp(`^Retire.*: ${pump.serial}$`) });
  await dialog.getByLabel('Reason').fill('never used');
  await dialog.getByRole('button', { name: 'Retire', exact: true }).click();
  await expect(dialog.getByText(`Type ${pump.serial} to confirm.`)).toBeVisible();
  await dialog.getByLabel(/^Type the serial/).fill(pump.serial);
  await dialog.getByRole('button', { name: 'Retire', exact: true }).click();
  await expectAccessible(page);
  await confirm(page);
  await expect(dialog).toBeHidden();
  await expect.poll(async () => ((await (await page.request.get(`/api/v1/pumps/${pump.id}`)).json()) as { status: string }).status).toBe('retired');
});

test('an alarm is acknowledged on the page of its pump, and everyone sees by whom', async ({ page, browser }) => {
  const who = await signIn(page);
  const alarm = await waitingAlarm(page);
  // A second console, open beside the first.
  const other = await (await browser.newContext()).newPage();
  await open(other, '/alarms');
  await page.goto(`/pumps/${alarm.pump}`);
  await live(page);
  const item = page.locator(`[data-alarm="${alarm.id}"]`);
  await item.getByRole('button', { name: /Acknowledge/ }).click();
  const dialog = page.getByRole('dialog', { name: 'Acknowledge alarm' });
  await expect(dialog.getByRole('textbox')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(item.getByRole('button', { name: /Acknowledge/ })).toBeFocused();
  await page.keyboard.press('Enter');
  await expectAccessible(page);
  await dialog.getByRole('textbox').fill('Seen by the browser test');
  await dialog.getByRole('button', { name: 'Acknowledge' }).click();
  await expect(dialog).toBeHidden();
  await expect(item).toContainText(`Acknowledged by ${who.name}`);
  const there = other.locator(`[data-alarm="${alarm.id}"]`);
  await expect(there).toContainText(`Acknowledged by ${who.name}`);
  await expect(there).toContainText('Seen by the browser test');
  await other.context().close();
});

test('a pump that is not there, or not ours to see, says so', async ({ page }) => {
  await open(page, '/pumps/999999999');
  await expect(page.getByText('There is no such pump')).toBeVisible();
  await expectAccessible(page);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const tab of ['live', 'timeline', 'identity', 'refusals']) {
    test(`axe finds nothing, ${tab}, ${colorScheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      const pump = await onlinePump(page);
      await page.goto(`/pumps/${pump.id}?tab=${tab}`);
      await live(page);
      await expect(page.locator('main [aria-busy="true"]')).toHaveCount(0);
      if (tab === 'live') await page.getByRole('button', { name: 'Rate as a table' }).click();
      await expectAccessible(page);
    });
  }
}

test('nothing scrolls sideways at 390 px', async ({ page }) => {
  const pump = await onlinePump(page);
  await page.setViewportSize({ width: 390, height: 844 });
  for (const tab of ['live', 'timeline', 'identity', 'refusals']) {
    await page.goto(`/pumps/${pump.id}?tab=${tab}`);
    await live(page);
    await expectNoSidewaysScroll(page);
  }
});
