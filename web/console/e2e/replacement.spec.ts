import { type Browser, type Page } from '@playwright/test';
import { Caller } from './softkey';
import { confirm, engineer, expect, expectAccessible, live, test } from './support';

/** A pump takes another's place, and that turns out to be a mistake: what both pages say, before and after. */

interface Made {
  id: string;
  serial: string;
}

/** Three pumps of one site in a row: the first two were taken out, and the second took the place of the first. */
async function chain(page: Page, browser: Browser, origin: string): Promise<{ caller: Caller; pumps: [Made, Made, Made] }> {
  const caller = await Caller.signIn((await browser.newContext()).request, origin, await engineer(page));
  const [site] = await caller.call<{ id: string }[]>('GET', '/sites');
  const at = Date.now();
  const make = (n: number) => caller.call<Made>('POST', '/pumps', { site: site!.id, serial: `RX${at}${n}`, model: 'Meander P20', profile: 'meander-p20' });
  const pumps: [Made, Made, Made] = [await make(1), await make(2), await make(3)];
  const out = (p: Made) => caller.call('POST', `/pumps/${p.id}/explant`, { on: '2026-01-31', reason: 'battery at its end', fate: 'maker' });
  await out(pumps[0]);
  await caller.call('POST', `/pumps/${pumps[0].id}/replacement`, { new: pumps[1].id, reason: 'new device implanted' });
  await out(pumps[1]);
  return { caller, pumps };
}

const identity = async (page: Page, pump: Made) => {
  await page.goto(`/pumps/${pump.id}?tab=identity`);
  await live(page);
  await expect(page.getByRole('heading', { name: 'Explant and replacement' })).toBeVisible();
};

test('a replacement is linked and taken back: both pages show it, and the link before it stays', async ({ page, browser, baseURL }) => {
  const { pumps: [first, second, third] } = await chain(page, browser, baseURL!);
  const who = await engineer(page);
  expect((await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  const links = page.getByRole('list', { name: 'Replacements, oldest first' }).getByRole('listitem');

  await identity(page, second);
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('button', { name: /Link the replacement/ }).click();
  const form = page.getByRole('dialog', { name: `Link the replacement: ${second.serial}` });
  await form.getByLabel('Serial of the new pump').fill(third.serial);
  await form.getByLabel('Reason').fill('the wrong one');
  await form.getByRole('button', { name: 'Link the replacement' }).click();
  await confirm(page);
  await expect(form).toBeHidden();
  for (const pump of [first, second, third]) {
    await identity(page, pump);
    await expect(links).toHaveCount(2);
    await expect(links.nth(0)).toContainText(`${first.serial} → was replaced by ${second.serial}`.replace('→ ', '→'));
    await expect(links.nth(1)).toContainText(third.serial);
  }

  // From the page of the new pump, where the mistake shows. It says what it will do, and wants to know why.
  await links.nth(1).getByRole('button', { name: 'Take it back…' }).click();
  const undo = page.getByRole('dialog', { name: 'Take back the replacement' });
  await expect(undo).toContainText(`${third.serial} did not take the place of ${second.serial}`);
  await undo.getByRole('button', { name: 'Take it back' }).click();
  await expect(undo.getByText('Say why; it goes into the record.')).toBeVisible();
  await expectAccessible(page);
  await undo.getByLabel('Reason').fill('it went to another patient');
  await undo.getByRole('button', { name: 'Take it back' }).click();
  await confirm(page);
  await expect(undo).toBeHidden();
  await expect(page.getByText('Neither taken out nor replaced.')).toBeVisible();
  await expect(links).toHaveCount(0);

  // The old pump is explanted still, and took the place of the first one still.
  await identity(page, second);
  await expect(links).toHaveCount(1);
  await expect(links.first().getByRole('link', { name: first.serial })).toBeVisible();
  await expect(page.getByText('2026-01-31: battery at its end')).toBeVisible();

  // Both stories tell it, with who and why.
  for (const pump of [second, third]) {
    await page.goto(`/pumps/${pump.id}?tab=timeline&groups=device&by=person`);
    await live(page);
    const story = page.getByRole('region', { name: 'Timeline' }).getByRole('listitem');
    await expect(story.filter({ hasText: 'Replacement undone' })).toHaveCount(1);
    await expect(story.filter({ hasText: 'Replacement undone' })).toContainText('it went to another patient');
    await expect(story.filter({ hasText: 'Replacement undone' })).toContainText(who.login);
    await expect(story.filter({ hasText: 'Pump replaced' }).filter({ hasText: 'the wrong one' })).toHaveCount(1);
  }

  // What was a mistake blocks nothing: the right pump can take the place.
  await identity(page, second);
  await page.getByRole('button', { name: 'Actions' }).click();
  await expect(page.getByRole('button', { name: /Link the replacement/ })).toBeVisible();
});

test('a replacement that somebody else has taken back meanwhile is refused in words, and nothing else is taken back', async ({ page, browser, baseURL }) => {
  const { caller, pumps: [first, second, third] } = await chain(page, browser, baseURL!);
  await caller.call('POST', `/pumps/${second.id}/replacement`, { new: third.id, reason: 'new device implanted' });
  const who = await engineer(page);
  expect((await page.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  await identity(page, third);
  const links = page.getByRole('list', { name: 'Replacements, oldest first' }).getByRole('listitem');
  await links.nth(1).getByRole('button', { name: 'Take it back…' }).click();
  const undo = page.getByRole('dialog', { name: 'Take back the replacement' });
  await undo.getByLabel('Reason').fill('it went to another patient');
  await caller.call('POST', `/pumps/${second.id}/replacement/undo`, { reason: 'was faster' });
  await undo.getByRole('button', { name: 'Take it back' }).click();
  await confirm(page);
  await expect(undo.getByText(`Pump ${second.serial} is not linked to a replacement.`)).toBeVisible();
  await undo.getByRole('button', { name: 'Cancel' }).click();
  await identity(page, first);
  await expect(links).toHaveCount(1);
  await expect(links.first()).toContainText(second.serial);
});
