import type { Page, Route } from '@playwright/test';
import { unbase64url, base64url, hashIn, type Domain } from '../src/order/bytes';
import { decode, encode, type Value } from '../src/order/cbor';
import { body, enter, get, type Order, personOf, post, prescriber, release, signBySoftware, stateOf } from './ordering';
import { expect, expectAccessible, live, test } from './support';

/**
 * What a clinician reads when the server refuses. On the screens that propose, verify, sign and release, one request after the other
 * leaves with something else in it, as from a page that waited too long or that another person came before: the server judges it, and
 * the screen says the code, the sentence and the remedy.
 */

test.use({ actionTimeout: 20_000 });
test.describe.configure({ timeout: 120_000 });

/** Codes that are not met here, and where they are, or why no clinician meets them in the console. Every code is in one of the two. */
const elsewhere: Record<string, string> = {
  // Other browser tests.
  E_CAS: 'orders-faults: a stall makes an order stale', S_FACTS: 'orders-faults: a stall makes an order stale', E_LIB: 'orders-faults: the library changes while an order waits', E_LIMIT: 'orders-faults: a slip of the hand', E_EXPIRED: 'orders-faults: nobody releases in time',
  E_POWER: 'orders-faults: the power goes while an order takes effect', E_QUORUM: 'orders-faults: a release after one signature', S_OFFLINE: 'orders-faults: a pump that is away', S_OWN: 'orders-faults: the proposer verifies',
  S_BLIND: 'orders-faults: signing before entering', S_MISMATCH: 'orders-faults: numbers that differ', E_BOUNDS: 'orders-kinds: a visit that is measured otherwise', E_PATIENT: 'orders-kinds: a bind to whom the pump knows',
  S_ROOT: 'keyset-ceremony: a signature that does not hold', S_SECOND: 'keyset-ceremony: one administrator brings both signatures',
  // The pump alone says them, of a body or an attack that the demo does not have: device/emulator, and the corpus of device/order.
  E_RETAINED: 'a broker that keeps messages; the demo has none', E_RATE: 'thirty documents a minute; the server sends one and sends it again by itself', E_VERSION: 'a pump of another format', E_REPLAY: 'the same bolus by two releases; its own window ends first',
  E_EPOCH: 'bound or moved since: the state is another one too, and E_CAS comes first', E_WITHDRAWN: 'the server releases nothing that was withdrawn (S_STEP); it answers a release that was under way then', E_FULL: 'sixty-four boluses in half an hour',
  E_BUSY: 'a bolus or a priming runs at the moment of the release', E_STORAGE: 'the pump’s memory is full; it is sent again by itself', E_CONFIRM: 'no pump of the demo asks for it: cmd/cisterna, TestWaitsAtTheBedside',
  // The server makes them impossible for its own pages.
  E_SIZE: 'no form makes an order that large', E_AUD: 'an order is made for the pump of its page', E_ARITH: 'the server computes the numbers that are signed', E_REVOKED: 'a revoked key is offered to nobody; one that signed before is refused at release',
  E_ROLE: 'S_ROLE comes first, by the roles that the keyset is made of', S_DONE: 'two who act in the same moment', S_UNDERWAY: 'two approved orders of one pump, and the first release unanswered',
  // Pumps and papers that the demo does not have.
  S_UNKNOWN: 'the seconds between a pump’s first word and its first report', S_UNHEARD: 'an active pump that was never heard', S_PROFILE: 'a profile that the server has not', S_REPORT: 'a server older than its pumps',
  S_BRIDGE: 'a bridge in a pump of an earlier format', S_KEY: 'a passkey that is synced; the page offers only those that may sign', S_NEWER: 'two drafts of a library or a keyset at once: pharmacists and administrators', S_CANDIDATE: 'a library or a keyset that no pump would take: pharmacists and administrators',
};

const plain = (s: string) => s.toLowerCase().replaceAll(/[^a-z0-9_]+/g, ' ');

type Fields = Map<bigint, Value>;

/** What the server asks to be signed, as it would be for another moment. */
async function forAnother(route: Route, domain: Domain, change: (f: Fields) => void): Promise<void> {
  const answer = await route.fetch();
  const ask = (await answer.json()) as { document: string; challenge: string };
  const fields = new Map(decode(unbase64url(ask.document)!, { depth: 4, items: 128 }) as ReadonlyMap<bigint, Value>);
  change(fields);
  const document = encode(fields);
  await route.fulfill({ response: answer, json: { ...ask, document: base64url(document), challenge: base64url(await hashIn(domain, document)) } });
}

const asRelease = (change: (f: Fields) => void) => (route: Route) => forAnother(route, 'pump.release.v1', change);
const later = (s: bigint, ...keys: bigint[]) => (f: Fields) => keys.forEach((k) => f.set(k, (f.get(k) as bigint) + s));
const sent = (route: Route) => route.request().postDataJSON() as Record<string, unknown>;

test('what a clinician reads when the server refuses', async ({ page, browser }) => {
  const { miriam, pump } = await prescriber(browser, page);
  const jonas = await personOf(browser, page, 'jonas');
  const codes = new Map((await get<{ code: string; remedy: string }[]>(miriam, '/order-codes')).map((c) => [c.code, c.remedy]));
  const { rows } = await get<{ rows: { id: string; status: string }[] }>(miriam, '/pumps');
  const [manual, away] = [rows.find((r) => r.status === 'manual')!, rows.find((r) => r.status === 'registered' || r.status === 'explanted')!];
  const before = (await body(page, pump.serial)).state_hash;
  const met: string[] = [];

  // The routes stay to the end: one that is taken away while a request passes it holds that request.
  let bent: { path: RegExp; bend: (route: Route) => Promise<void> } | null = null;
  for (const who of [miriam, jonas]) {
    await who.route(/\/api\/v1\/.*\/(orders|approvals?|verify|release)$/, async (route) => {
      const now = bent;
      if (route.request().method() !== 'POST' || !now?.path.test(new URL(route.request().url()).pathname)) return route.continue();
      bent = null;
      return now.bend(route);
    });
  }

  /** The next request to a path leaves otherwise, and the screen says why it was refused. */
  const refused = async (who: Page, what: string, code: string, path: RegExp, press: () => Promise<void>, bend: (route: Route) => Promise<void>) => {
    bent = { path, bend };
    await press();
    const said = who.locator('p[role="alert"]').filter({ hasText: what }).filter({ has: who.locator('code', { hasText: new RegExp(`^${code}$`) }) });
    await expect(said, `${what} ${code}`).toBeVisible();
    expect(plain((await said.textContent())!)).toContain(plain(codes.get(code)!).trim());
    met.push(code);
  };

  // Proposing.
  await miriam.goto(`/pumps/${pump.id}/propose`);
  await live(miriam);
  await miriam.getByLabel('Reason', { exact: true }).fill('pain at night');
  await expect(miriam.getByText('It would take it.')).toBeVisible();
  const propose = () => miriam.getByRole('button', { name: 'Propose', exact: true }).click();
  const wished = (code: string, change: (wish: Record<string, unknown>) => Record<string, unknown>, where = pump.id) => refused(miriam, 'Not proposed.', code, /\/pumps\/\d+\/orders$/, propose, (route) => {
    const asked = sent(route);
    return route.continue({ url: route.request().url().replace(`/pumps/${pump.id}/`, `/pumps/${where}/`), postData: JSON.stringify({ ...asked, wish: change(asked.wish as Record<string, unknown>) }) });
  });
  await wished('E_STATE', () => ({ act: 'resume', reason: 'runs already' }));
  await wished('E_VOLUME', ({ group }) => ({ act: 'prime', group, dose: { volume_nl: '99000000', duration_s: '86400' }, reason: 'more than it holds' }));
  await wished('E_BRIDGE', (w) => ({ ...w, bridge: { volume_nl: '200000', duration_s: '86400' } }));
  await wished('E_FORMAT', (w) => ({ ...w, reason: 'pain\u200bat night' }));
  await wished('S_PATIENT', () => ({ act: 'bind', patient: 'NOBODY-0', reason: 'nobody of this name' }));
  await wished('S_INPUT', (w) => ({ ...w, program: { ...(w.program as object), segments: [] } }));
  await wished('S_MISSING', (w) => w, '999999');
  await wished('S_MANUAL', (w) => w, manual.id);
  await wished('S_STATUS', (w) => w, away.id);
  await refused(miriam, 'Not proposed.', 'S_STEP', /\/pumps\/\d+\/orders$/, propose, async (route) => {
    const over = (await (await post(miriam, `/pumps/${pump.id}/orders/drafts`, { wish: sent(route).wish })).json()) as Order;
    expect((await post(miriam, `/orders/${over.id}/discard`, {})).ok()).toBe(true);
    await route.continue({ postData: JSON.stringify({ ...sent(route), replaces: over.id }) });
  });
  await propose();
  await expect(miriam).toHaveURL(/\/orders\/\d+$/);
  const order = await get<Order>(miriam, `/orders/${new URL(miriam.url()).pathname.split('/').pop()!}`);

  // Signing. The page is kept from reading the order again, so that what was refused stays on it.
  const at = `/orders/${order.id}`;
  await expect(miriam.getByRole('button', { name: 'Approve and sign' })).toBeVisible();
  await miriam.getByLabel('I have read every setting of this order').check();
  await miriam.getByLabel(/The last four characters/).fill(pump.serial.slice(-4));
  const approve = () => miriam.getByRole('button', { name: 'Approve and sign' }).click();
  await refused(miriam, 'Not signed.', 'E_KEY', /\/approval$/, async () => {
    await approve();
    await miriam.getByRole('dialog', { name: 'Confirm that it is you' }).getByRole('button', { name: 'Confirm', exact: true }).click();
  }, (route) => route.continue({ postData: JSON.stringify({ ...sent(route), key: 'ab'.repeat(32) }) }));
  await refused(miriam, 'Not signed.', 'S_ROLE', /\/approval$/, approve, (route) => route.continue({ postData: JSON.stringify({ ...sent(route), meaning: 'pharmacist' }) }));
  await refused(miriam, 'Not signed.', 'S_CLOCK', /\/approval$/, approve, (route) => forAnother(route, 'pump.approval.v1', later(-3600n, 6n)));
  await refused(miriam, 'Not signed.', 'E_SIG', /\/approvals$/, approve, (route) => {
    const asked = sent(route) as { assertion: Record<string, string> };
    return route.continue({ postData: JSON.stringify({ ...asked, assertion: { ...asked.assertion, client_data_json: base64url(new TextEncoder().encode('{}')) } }) });
  });
  let again = () => {};
  const held = new Promise<void>((resolve) => { again = resolve; });
  await miriam.route(`**/api/v1${at}`, async (route) => {
    await held;
    await route.continue().catch(() => {});
  });
  await refused(miriam, 'Not signed.', 'E_DUP_SIGNER', /\/approvals$/, approve, async (route) => {
    expect((await route.fetch()).ok()).toBe(true);
    await route.continue({ headers: { ...route.request().headers(), 'idempotency-key': crypto.randomUUID() } });
  });
  again();
  await expect(miriam.getByText(/nobody signs twice/)).toBeVisible();

  // Verifying.
  await jonas.goto(at);
  await live(jonas);
  await enter(jonas, order.id, pump.serial, order.document!.program!, pump.therapy);
  const compare = () => jonas.getByRole('button', { name: 'Compare' }).click();
  await refused(jonas, 'Not compared.', 'S_MISSING', /\/verify$/, compare, (route) => route.continue({ url: route.request().url().replace(at, '/orders/999999') }));
  await compare();
  await signBySoftware(jonas, pump.serial);

  // Releasing.
  await expect(stateOf(miriam, 'approved')).toBeVisible();
  await expect(miriam.getByRole('button', { name: 'Release and sign' })).toBeEnabled();
  const released = (code: string, change: (f: Fields) => void) => refused(miriam, 'Not released.', code, /\/release$/, () => release(miriam), asRelease(change));
  await released('E_CTR', later(1n, 3n));
  await released('E_WINDOW', (f) => f.set(4n, new Uint8Array(16).fill(7)));
  await released('E_KEYSET', later(1n, 5n));
  await released('E_NOTYET', later(600n, 6n, 7n));
  await expectAccessible(miriam);

  // Nothing of it reached the pump, and every code is met here, elsewhere, or never.
  expect((await body(page, pump.serial)).state_hash).toBe(before);
  expect([...new Set(met)].filter((c) => c in elsewhere), 'met here, and said to be met elsewhere').toEqual([]);
  expect([...codes.keys()].filter((c) => c !== 'applied' && !(c in elsewhere) && !met.includes(c)), 'nobody says where').toEqual([]);
  expect(Object.keys(elsewhere).filter((c) => !codes.has(c)), 'no code').toEqual([]);
  await release(miriam);
  await expect(stateOf(miriam, 'applied')).toBeVisible();
});
