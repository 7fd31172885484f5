import { api } from '../api/client';
import { type SigningKey, type SignRequest, type Signed, trust } from '../api/orders';
import { isUnanswered, Problem } from '../api/problem';
import { toText } from '../session/bytes';
import { askPasskey, whyNot } from '../session/passkey';
import { type Answer, keepSoftKey, makeSoft, signSoft, softKeyAmong } from '../session/softkey';
import { browserName } from '../session/stepup';
import { isPartMissing } from '../ui/missing';
import type { Meant } from './asked';

/**
 * Signing of orders. The server says which bytes to sign; the page reads them, and the authenticator signs their hash if they
 * say what the person means. Bytes and assertion go back as they are, and the pump checks them by itself. In a demo a key that
 * this browser keeps stands in for a passkey: it answers in the same form, and its record is marked as software.
 */

/** What signs: a record of a key that counts, and the means to use it. */
export interface Signer {
  readonly key: SigningKey;
  readonly sign: (ask: SignRequest) => Promise<Answer>;
}

/** Refuses to sign what the page does not show in full: of an order that is its comparison with what runs. */
export function requireWholePage(): void {
  if (isPartMissing()) throw new Problem(409, 'A part of this page has not come', 'Reload the page and read all of it before you sign.');
}

const counts = (k: SigningKey) => k.listed && k.holds;

/** Finds the key that signs for a person here. In a demo one is made, and listed at once, when there is none. */
export async function signerFor(person: string, login: string, demo: boolean): Promise<Signer> {
  const mine = (await trust.keys()).items.filter((k) => k.person === login && k.holds);
  const passkeys = mine.filter((k) => !k.software && k.credential !== null && counts(k));
  if (passkeys.length > 0) return passkeySigner(passkeys.find((k) => k.key === chosenKey(login)) ?? passkeys[0]!);
  if (!demo) {
    const waits = mine.some((k) => !k.software && !k.listed);
    throw new Problem(409, waits ? 'Your signing key does not count yet' : 'You have no signing key', waits
      ? 'Two administrators have to sign the keyset that lists it. Ask them, then try again.'
      : 'Enrol a passkey that stays on its device under “Your security”, have it listed for signing, and let two administrators sign the keyset.');
  }
  const software = mine.filter((k) => k.software && k.credential !== null);
  const kept = await softKeyAmong(person, software.filter(counts).flatMap((k) => k.credential ?? []));
  if (kept) {
    const key = software.find((k) => k.credential === toText(kept.id));
    if (key) return { key, sign: (ask) => signSoft(kept, ask.challenge, ask.rp_id) };
  }
  return newSoftware(person);
}

/** Which of several passkeys a person signs with in this browser: the authenticator of one is asked, as the document names one. */
const chosen = (login: string) => `cisterna-signs-with-${login}`;

export function chosenKey(login: string): string | null {
  try {
    return localStorage.getItem(chosen(login));
  } catch {
    return null;
  }
}

export function chooseKey(login: string, key: string): void {
  try {
    localStorage.setItem(chosen(login), key);
  } catch {
    // Blocked: the first one is asked.
  }
}

function passkeySigner(key: SigningKey): Signer {
  return {
    key,
    sign: async (ask) => {
      try {
        return await askPasskey(ask, key.credential === null ? [] : [key.credential]);
      } catch (err) {
        throw new Problem(0, whyNot(err));
      }
    },
  };
}

/** A key that this browser keeps for confirming things signs as well; else it makes one. */
async function newSoftware(person: string): Promise<Signer> {
  const enrolled = (await api.security()).keys.filter((k) => k.kind === 'software' && k.revoked_at === null);
  const label = `Software key in ${browserName()}`;
  let held = await softKeyAmong(person, enrolled.map((k) => k.credential));
  let passkey = held && enrolled.find((k) => k.credential === toText(held!.id))!.id;
  if (!held || !passkey) {
    const asked = await api.askSoftwareKey();
    const fresh = await makeSoft(asked.challenge, asked.rp_id);
    const record = await api.addSoftwareKey({ nonce: asked.nonce, name: label, ...fresh.made });
    await keepSoftKey(person, fresh.key);
    held = fresh.key;
    passkey = record.id;
  }
  const soft = held;
  const key = await listed(passkey, toText(soft.id), label);
  return { key, sign: (ask) => signSoft(soft, ask.challenge, ask.rp_id) };
}

async function listed(passkey: string, credential: string, label: string): Promise<SigningKey> {
  try {
    const key = await trust.addKey(passkey, label);
    if (key.listed) return key;
  } catch (err) {
    // It was added before, from another page.
    if (!(err instanceof Problem) || err.status !== 409) throw err;
  }
  const key = (await trust.keys()).items.find((k) => k.credential === credential && counts(k));
  if (!key) throw new Problem(409, 'Your signing key does not count yet', 'Two administrators have to sign the keyset that lists it.');
  return key;
}

/** What a form has had signed and handed in without an answer. A form keeps one for as long as it is open. */
export interface Handed {
  lost?: { readonly of: string; readonly signed: Signed };
}

/**
 * Prepares with the signer's key, reads what is to be signed, has it signed if it is what was meant, and hands it in. If no
 * answer comes, the next try for the same hands in the same bytes: a second signature could do it twice.
 */
export async function signed<T>(signer: Signer, meant: Meant, handed: Handed, prepare: (key: string) => Promise<SignRequest>, hand: (s: Signed) => Promise<T>): Promise<T> {
  const of = JSON.stringify([signer.key.key, meant]);
  const s = handed.lost?.of === of ? handed.lost.signed : await freshlySigned(signer, meant, prepare);
  delete handed.lost;
  try {
    return await hand(s);
  } catch (err) {
    if (leavesOpen(err)) handed.lost = { of, signed: s };
    throw err;
  }
}

/** Whether what was handed in, now or before, may have been taken or may still be: nobody has judged it. */
const leavesOpen = (err: unknown) => err instanceof Problem && (isUnanswered(err) || err.status === 401 || err.status === 429 || err.status >= 500);

async function freshlySigned(signer: Signer, meant: Meant, prepare: (key: string) => Promise<SignRequest>): Promise<Signed> {
  const ask = await prepare(signer.key.key);
  const { challengeFor } = await import('./asked');
  const challenge = await challengeFor(ask, meant, { login: signer.key.person, key: signer.key.key });
  const a = await signer.sign({ ...ask, challenge });
  return { document: ask.document, assertion: { authenticator_data: a.authenticator_data, client_data_json: a.client_data, signature: a.signature } };
}
