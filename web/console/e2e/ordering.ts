import type { APIRequestContext, Browser, BrowserContext, CDPSession, Locator, Page } from '@playwright/test';
import type { OrderState } from '../src/api/orders';
import { entry } from './entries';
import { Caller } from './softkey';
import { demoPeople, expect, keep, live, type Person } from './support';

/** What tests of orders share: people with passkeys of their own, a pump that nobody else orders for, and the acts of a clinic. */

export interface Ptm { volume_nl: string; duration_s: string; lockout_s: string; max_24h: number }
export interface Program { mode: string; cycle_s: string; segments: { offset_s: string; duration_s: string; volume_nl: string }[]; ptm?: Ptm }
export interface Therapy {
  report: { faults: string[]; state: { run: number; gen: number; program: Program; contents: { ingredients: { code: number; conc_ng_ml: string }[]; primary: number } } };
  state_hash: string;
  drift: boolean;
  patient_groups: string[];
}
export interface Order {
  id: string; state: string; code: string | null; detail: string | null; remedy: string | null; hash: string | null; may_apply_until: string | null;
  document: { program?: Program; serial: string } | null; finding: { people: number };
  approvals: { key: string; meaning: string; person: { login: string } }[];
}
export interface Pump { id: string; serial: string; site: string; therapy: Therapy }
interface Drug { code: number; unit: 'mg' | 'mcg'; decimals: number }

export async function get<T>(page: Page, path: string): Promise<T> {
  const r = await page.request.get(`/api/v1${path}`);
  expect(r.ok(), `${path}: ${r.status()}`).toBe(true);
  return (await r.json()) as T;
}

export const post = (page: Page, path: string, data: unknown) =>
  page.request.post(`/api/v1${path}`, { data, headers: { Origin: new URL(page.url()).origin, 'Idempotency-Key': crypto.randomUUID() } });

/** A browser of their own for somebody of the demo. */
export async function personOf(browser: Browser, page: Page, login: string): Promise<Page> {
  const who = (await demoPeople(page)).find((p) => p.login === login)!;
  const context: BrowserContext = await browser.newContext({ baseURL: new URL(page.url()).origin, viewport: { width: 1440, height: 900 } });
  const mine = await context.newPage();
  expect((await mine.request.post('/api/v1/session', { data: { login: who.login, password: who.password } })).ok()).toBe(true);
  return mine;
}

export interface Clinician { page: Page; cdp: CDPSession; authenticator: string }

/** A security key in the hand of whoever uses the page: it checks who they are, and stays on its device unless it is synced. */
export async function authenticator(page: Page, synced = false): Promise<Pick<Clinician, 'cdp' | 'authenticator'>> {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
      defaultBackupEligibility: synced, defaultBackupState: synced,
    },
  });
  return { cdp, authenticator: authenticatorId };
}

/** How often an authenticator has signed. */
export async function signatures(of: Clinician): Promise<number> {
  const { credentials } = await of.cdp.send('WebAuthn.getCredentials', { authenticatorId: of.authenticator });
  return credentials.reduce((n, c) => n + c.signCount, 0);
}

/** Remembers whose passkeys are to be revoked in the end. */
export const remember = (login: string, who: Clinician): void => {
  keep(who.page);
  enrolled.set(login, who);
};

/** Adds a passkey. A person without one confirms with a software key; with one, the authenticator answers by itself. */
export async function addPasskey(page: Page, name: string): Promise<void> {
  await page.goto('/me');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  const form = page.getByRole('dialog', { name: 'Add a passkey' });
  await form.getByLabel('Name, to know it by').fill(name);
  await form.getByRole('button', { name: 'Make the passkey' }).click();
  await page.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Confirm', exact: true }).click();
  await expect(form.getByText(`“${name}” is enrolled.`)).toBeVisible();
  await form.getByRole('button', { name: 'Close', exact: true }).last().click();
}

const enrolled = new Map<string, Clinician>();

/** Somebody with a passkey that signs doses: enrolled and listed as in a clinic, by what "Your security" offers. Once for a file. */
export async function clinician(browser: Browser, page: Page, login: string): Promise<Clinician> {
  const known = enrolled.get(login);
  if (known) return known;
  const mine = await personOf(browser, page, login);
  mine.setDefaultTimeout(20_000);
  await mine.goto('/me');
  const key = await authenticator(mine);
  const name = `Security key of ${login}`;
  await addPasskey(mine, name);
  await mine.getByRole('button', { name: `Let it sign doses: ${name}` }).click();
  await expect(mine.getByRole('listitem').filter({ hasText: name }).filter({ hasText: 'Signs doses until' })).toBeVisible();
  const made = { page: mine, ...key };
  keep(mine);
  enrolled.set(login, made);
  return made;
}

/** A request that takes a fresh signature, by the authenticator of whoever uses the page. */
export async function withPasskey(page: Page, path: string, data: unknown): Promise<void> {
  const asked = await post(page, path, data);
  const problem = (await asked.json()) as { code?: string; step_up?: { nonce: string; challenge: string; rp_id: string; credentials: { id: string; kind: string }[] } };
  expect(problem.code, JSON.stringify(problem)).toBe('step_up_required');
  const header = await page.evaluate(async (ask) => {
    const bytes = (t: string) => Uint8Array.from(atob(t.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const text = (b: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const key = (await navigator.credentials.get({ publicKey: {
      challenge: bytes(ask.challenge), rpId: ask.rp_id, userVerification: 'required',
      allowCredentials: ask.credentials.filter((c) => c.kind === 'passkey').map((c) => ({ type: 'public-key' as const, id: bytes(c.id) })),
    } })) as PublicKeyCredential;
    const r = key.response as AuthenticatorAssertionResponse;
    return ['v1', ask.nonce, ...[key.rawId, r.authenticatorData, r.clientDataJSON, r.signature].map(text)].join('.');
  }, problem.step_up!);
  const done = await page.request.post(`/api/v1${path}`, { data, headers: { Origin: new URL(page.url()).origin, 'Cisterna-Step-Up': header } });
  expect(done.ok(), await done.text()).toBe(true);
}

/** Revokes the passkeys of this file's people, as administrators do: other files' people sign with keys in software. */
export async function noPasskeys(http: APIRequestContext, origin: string): Promise<void> {
  const { people } = (await (await http.get(`${origin}/api/v1/session/demo`)).json()) as { people: Person[] };
  const ada = await Caller.signIn(http, origin, people.find((p) => p.login === 'ada')!);
  for (const [login, { page }] of enrolled) {
    const { id } = await get<{ id: string }>(page, '/session');
    for (const k of await ada.call<{ id: string; kind: string; revoked_at: string | null }[]>('GET', `/people/${id}/keys`)) {
      if (k.kind === 'passkey' && k.revoked_at === null) await ada.call('POST', `/people/${id}/keys/${k.id}/revoke`, { reason: 'end of the test' });
    }
    const left = (await get<{ items: { person: string; software: boolean; listed: boolean }[] }>(page, '/signing-keys')).items.filter((k) => k.person === login && !k.software && k.listed);
    expect(left, 'a revoked passkey signs no dose').toEqual([]);
    await page.context().close();
  }
  enrolled.clear();
}

/** What happens to a pump, by the emulator's control interface: it listens three ports above the console. */
export async function fault(page: Page, serial: string, what: { kind: string; for?: string; value?: number; text?: string }): Promise<void> {
  const r = await fetch(`${controlOf(page)}/v1/pumps/${serial}/faults`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(what) });
  expect(r.ok, `${what.kind}: ${r.status} ${await r.clone().text()}`).toBe(true);
}

export async function endFault(page: Page, serial: string, kind: string): Promise<void> {
  const r = await fetch(`${controlOf(page)}/v1/pumps/${serial}/faults/${kind}`, { method: 'DELETE' });
  expect(r.ok, `end of ${kind}: ${r.status}`).toBe(true);
}

export interface Body { connected: boolean; power: boolean; rate_nl_day: string; state_hash: string; program_hash: string; gen: number; run: string; link: string; library: number; alarms: string[]; faults: string[]; orders: { counter: number; answers: { code: string }[]; applied: string[] } }

/** The pump itself, not what the server knows of it. */
export async function body(page: Page, serial: string): Promise<Body> {
  const r = await fetch(`${controlOf(page)}/v1/pumps/${serial}`);
  expect(r.ok).toBe(true);
  return (await r.json()) as Body;
}

function controlOf(page: Page): string {
  const url = new URL(page.url());
  return `http://127.0.0.1:${Number(url.port) + 3}`;
}

const over: readonly OrderState[] = ['applied', 'refused', 'expired', 'withdrawn', 'superseded', 'stale'];

/** From now on the demo's story leaves the pump alone. False if it did something a moment ago that the server may not have heard of yet, such as cutting its power, or a patient's bolus runs: a pump takes no order then. */
export async function leftAlone(page: Page, serial: string, program: Program): Promise<boolean> {
  if (!(await body(page, serial)).power) return false;
  await fault(page, serial, { kind: 'calm', for: '30m' });
  const now = await body(page, serial);
  if (now.alarms.length > 0 || now.faults.some((f) => !f.startsWith('calm'))) return false;
  return !program.ptm || BigInt(now.rate_nl_day) < (BigInt(program.ptm.volume_nl) * 86_400n) / BigInt(program.ptm.duration_s);
}

/**
 * A connected pump that infuses a program by day, that nobody has an open order for, and that the demo's story leaves alone. Those that
 * nobody ever ordered anything for come first; those with a motor have serials from ME.
 */
export async function pumpFor(page: Page, serials = ''): Promise<Pump> {
  const { rows } = await get<{ rows: { id: string; serial: string; status: string; presence: string; site: string }[] }>(page, '/pumps');
  const used: typeof rows = [];
  const there = rows.filter((x) => x.status === 'active' && x.presence === 'online' && x.serial.startsWith(serials));
  for (const [again, list] of [[false, there], [true, used]] as const) {
    for (const r of list) {
      const answer = await page.request.get(`/api/v1/pumps/${r.id}/therapy`);
      if (!answer.ok()) continue;
      const therapy = (await answer.json()) as Therapy;
      const { program, run } = therapy.report.state;
      if (!['flex_day', 'continuous'].includes(program.mode) || run !== 1 || therapy.report.faults.length > 0 || therapy.drift) continue;
      const { items } = await get<{ items: { state: OrderState }[] }>(page, `/orders?pump=${r.id}&limit=100`);
      if (items.some((o) => !over.includes(o.state))) continue;
      if (items.length > 0 && !again) used.push(r);
      else if (await leftAlone(page, r.serial, program)) {
        const pump = { id: r.id, serial: r.serial, site: r.site, therapy };
        // What another test typed and never proposed would stand in the form.
        expect((await page.request.delete(`/api/v1/pumps/${r.id}/orders/draft`, { headers: { Origin: new URL(page.url()).origin } })).ok()).toBe(true);
        if ((await groupOf(page, pump)) !== null) return pump;
      }
    }
  }
  throw new Error('the demo has no such pump');
}

/** The prescriber of the demo in a browser of her own, and a pump that she may order for. */
export async function prescriber(browser: Browser, page: Page): Promise<{ miriam: Page; pump: Pump }> {
  await page.goto('/sign-in');
  const miriam = await personOf(browser, page, 'miriam');
  await miriam.goto('/orders');
  return { miriam, pump: await pumpFor(miriam) };
}

/** The program with a little more in its first segment: two in a thousand. */
export function more(p: Program): Program {
  return { ...p, segments: p.segments.map((s, i) => (i === 0 ? { ...s, volume_nl: ((BigInt(s.volume_nl) * 1002n) / 1000n + 1n).toString() } : s)) };
}

/** An amount as it stands in a field, and a little more, which is no step that must be confirmed: at most one in twenty, and in few places. */
export function littleMore(old: string): string {
  const [whole, part = ''] = old.split('.') as [string, string?];
  for (let places = Math.max(part.length - 1, 0); ; places++) {
    const digits = BigInt(whole + part.slice(0, places).padEnd(places, '0')) + 1n;
    const text = digits.toString().padStart(places + 1, '0');
    const more = places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`.replace(/\.?0+$/, '');
    if (Number(more) <= Number(old) * 1.05) return more;
  }
}

/** Whose limits hold for the pump's patient and what is in it; null if nothing can be ordered so. */
export async function groupOf(page: Page, pump: { id: string; therapy: { patient_groups: string[]; report: { state: { program: Program } } } }): Promise<string | null> {
  for (const group of pump.therapy.patient_groups) {
    const r = await post(page, `/pumps/${pump.id}/orders/check`, { wish: { act: 'program', group, program: more(pump.therapy.report.state.program), reason: 'x' } });
    if (r.ok() && ((await r.json()) as { finding: { refusals: unknown[] } }).finding.refusals.length === 0) return group;
  }
  return null;
}

/** Proposes a little more for a pump; life is how long people may sign and release it, in seconds. */
export async function propose(page: Page, pump: Pump, life?: number): Promise<Order> {
  const r = await post(page, `/pumps/${pump.id}/orders`, { wish: { act: 'program', group: await groupOf(page, pump), program: more(pump.therapy.report.state.program), reason: 'pain at night', ...(life ? { life_s: life } : {}) } });
  expect(r.ok(), await r.text()).toBe(true);
  return (await r.json()) as Order;
}

/** What the prescription in the verifier's hand says: computed here, not read from the order. */
export async function enter(page: Page, order: string, serial: string, program: Program, t: Therapy, wrongDay = false): Promise<void> {
  const drugs = (await get<{ items: { state: string; library: { drugs: Drug[] } }[] }>(page, '/libraries')).items.find((l) => l.state === 'active')!.library.drugs;
  const form = await get<{ numbers: { name: string; unit: string }[] }>(page, `/orders/${order}/form`);
  await page.getByLabel('Where your numbers come from').selectOption('prescription');
  const source = { program, contents: t.report.state.contents };
  const tenfold = { ...source, program: { ...program, segments: program.segments.map((s) => ({ ...s, volume_nl: `${s.volume_nl}0` })) } };
  for (const n of form.numbers) {
    const text = entry(n.name, wrongDay && n.name.startsWith('day:') ? tenfold : source, { serial }, drugs);
    await page.locator(`[name="blind-${n.name}"]`).fill(text);
  }
}

/** Reads and signs the order that is open. */
export async function sign(page: Page, serial: string): Promise<void> {
  // What is new comes by an answer of its own.
  await expect(page.getByRole('group', { name: /New since/ }).or(page.getByText(/^Nothing new since/)).first()).toBeVisible();
  for (const box of await page.getByRole('group', { name: /New since/ }).getByRole('checkbox').all()) await box.check();
  await page.getByLabel('I have read every setting of this order').check();
  await page.getByLabel(/The last four characters/).fill(serial.slice(-4));
  await page.getByRole('button', { name: 'Approve and sign' }).click();
}

/** Signs with the software key of a demo: the first signature in a browser makes the key count, which is confirmed once. */
export async function signBySoftware(page: Page, serial: string): Promise<void> {
  await sign(page, serial);
  await confirmed(page);
}

/** The confirmation of a software key, if this browser was not asked yet; else what follows it. */
export async function confirmed(page: Page): Promise<void> {
  const button = page.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Confirm', exact: true });
  const done = page.getByText(/nobody signs twice|signed and on its way|The pump has answered|Release it while|Somebody who may release/).first();
  await expect(button.or(done).first()).toBeVisible();
  if (await button.isVisible()) await button.click();
}

/** The second person enters the numbers blindly and signs. */
export async function verifyAndSign(who: Page, order: Order, pump: Pump, program: Program): Promise<void> {
  await who.goto(`/orders/${order.id}`);
  await live(who);
  await enter(who, order.id, pump.serial, program, pump.therapy);
  await who.getByRole('button', { name: 'Compare' }).click();
  await expect(who.getByText(/changes?, marked/)).toBeVisible();
  await sign(who, pump.serial);
  await expect(who.getByText(/^“I verified this/)).toBeVisible();
}

/** An order that as many people as it needs have signed, and nobody has released. */
export async function approved(prescriber: Page, others: readonly Page[], pump: Pump, life?: number): Promise<Order> {
  const order = await propose(prescriber, pump, life);
  await prescriber.goto(`/orders/${order.id}`);
  await live(prescriber);
  await sign(prescriber, pump.serial);
  await expect(prescriber.getByText('“I prescribe this”', { exact: true })).toBeVisible();
  expect(order.finding.people - 1).toBeLessThanOrEqual(others.length);
  for (const who of others.slice(0, order.finding.people - 1)) await verifyAndSign(who, order, pump, order.document!.program!);
  await expect(prescriber.locator('[data-state="approved"]')).toBeVisible();
  return order;
}

export async function release(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Release and sign' }).click();
}

export const stateOf = (page: Page, state: string) => page.locator(`[data-order][data-state="${state}"]`);

/** The dialog that stops a pump, opened on its Therapy tab. */
export async function stopDialog(page: Page, pump: { id: string; serial: string }): Promise<Locator> {
  await page.goto(`/pumps/${pump.id}?tab=therapy`);
  await live(page);
  await page.getByRole('button', { name: 'Stop the pump…' }).click();
  return page.getByRole('dialog', { name: `Stop pump ${pump.serial}` });
}

/** Signs a stop for an overdose in its dialog. */
export async function signStop(dialog: Locator, serial: string): Promise<void> {
  await dialog.getByLabel('Reason').fill('breathes slowly');
  await dialog.getByLabel(/^Overdose/).check();
  await dialog.getByLabel(/Type the serial/).fill(serial);
  await dialog.getByRole('button', { name: 'Sign and stop the pump' }).click();
}
