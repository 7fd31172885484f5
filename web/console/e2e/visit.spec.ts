import type { Page } from '@playwright/test';
import { signInAs, expect, expectAccessible, expectNoSidewaysScroll, live, test } from './support';

// A session that is locked to one patient: it says so on every screen, and reaches no other pump.

interface Row { id: string; serial: string; presence: string }

/** A pump that is in a patient, and one that the same person sees beside it. */
async function twoPumps(page: Page): Promise<[Row & { patient: string }, Row]> {
  let found: [Row & { patient: string }, Row] | undefined;
  await expect.poll(async () => {
    const { rows } = (await (await page.request.get('/api/v1/pumps')).json()) as { rows: Row[] };
    for (const row of rows.filter((r) => r.presence === 'online').slice(0, 10)) {
      const { patient } = (await (await page.request.get(`/api/v1/pumps/${row.id}`)).json()) as { patient: string | null };
      if (patient) found ??= [{ ...row, patient }, rows.find((r) => r.id !== row.id)!];
    }
    return found !== undefined;
  }, { timeout: 30_000, message: 'a pump of the demo is online and in a patient' }).toBe(true);
  return found!;
}

for (const [role, width] of [['engineer', 1440], ['nurse', 390]] as const) {
  test(`a visit by ${role} at ${width} px: begun on the pump's page, said everywhere, ended`, async ({ page }) => {
    await page.setViewportSize({ width, height: 844 });
    await signInAs(page, role);
    const [pump, other] = await twoPumps(page);
    await page.goto(`/pumps/${pump.id}`);
    await live(page);
    const begin = page.getByRole('button', { name: 'Begin visit' });
    await begin.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: `Visit patient ${pump.patient}` });
    await expect(dialog.getByRole('button', { name: 'Begin the visit' })).toBeFocused();
    await expectAccessible(page);
    await page.keyboard.press('Enter');
    const banner = page.getByRole('region', { name: 'Visit' });
    await expect(banner).toContainText(`Visit of patient ${pump.patient}, pump ${pump.serial}`);
    await expect(banner.getByRole('timer')).toHaveText('60 min left');
    await expect(begin).toHaveCount(0);
    await live(page);
    await expect(page.getByRole('heading', { name: pump.serial })).toBeVisible();
    await expectAccessible(page);
    await expectNoSidewaysScroll(page);

    // Its orders are in reach, and nothing of another pump is.
    await page.goto('/orders');
    await expect(page.getByRole('heading', { name: 'Orders', exact: true })).toBeVisible();
    await expect(banner).toBeVisible();
    expect((await page.request.get(`/api/v1/pumps/${pump.id}/letters`)).status()).toBe(200);
    const refused = await page.request.get(`/api/v1/pumps/${other.id}`);
    expect([refused.status(), ((await refused.json()) as { code: string }).code]).toEqual([403, 'visit_locked']);
    await page.goto(`/pumps/${other.id}`);
    await expect(page.getByText(`This session is locked to patient ${pump.patient}`)).toBeVisible();

    await banner.getByRole('link', { name: pump.serial }).click();
    await banner.getByRole('button', { name: 'End visit' }).click();
    await expect(banner).toHaveCount(0);
    await expect(begin).toBeVisible();
    await page.goto(`/pumps/${other.id}`);
    await live(page);
    await expect(page.getByRole('heading', { name: other.serial })).toBeVisible();
  });
}

test('an auditor is not offered a visit', async ({ page }) => {
  await signInAs(page, 'auditor');
  const [pump] = await twoPumps(page);
  await page.goto(`/pumps/${pump.id}`);
  await live(page);
  await expect(page.getByText(`patient ${pump.patient}`)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Begin visit' })).toHaveCount(0);
});
