import { api } from '../api/client';
import type { StepUpAsk } from '../api/gates';
import { askPasskey } from './passkey';
import { type Answer, keepSoftKey, makeSoft, signSoft, softKeyAmong } from './softkey';

/**
 * Stepping up: what the server does only with a fresh signature over exactly that request. Screens need nothing for it: every
 * request of `api` that the server holds back for a signature opens the dialog of StepUp.tsx, and goes on when it is signed.
 * A request that is cancelled there is rejected with a Problem whose code is "cancelled".
 */
export { cancelled, isCancelled } from './cancelled';

const header = (nonce: string, a: Answer) => ['v1', nonce, a.credential, a.authenticator_data, a.client_data, a.signature].join('.');

/** True when this ask is for the demo's stand-in: the person has no passkey, and the server takes software keys. */
export function isSoftware(ask: StepUpAsk): boolean {
  return ask.software && !ask.credentials.some((c) => c.kind === 'passkey');
}

/** Signs with a passkey of the person's. */
export async function signWithPasskey(ask: StepUpAsk): Promise<string> {
  return header(ask.nonce, await askPasskey(ask, ask.credentials.filter((c) => c.kind === 'passkey').map((c) => c.id)));
}

/** Signs with the key that this browser keeps for the person, and makes one first if it has none that counts. */
export async function signWithSoftware(ask: StepUpAsk, person: string): Promise<string> {
  const mine = ask.credentials.filter((c) => c.kind === 'software').map((c) => c.id);
  let key = await softKeyAmong(person, mine);
  if (!key) {
    const asked = await api.askSoftwareKey();
    const fresh = await makeSoft(asked.challenge, asked.rp_id);
    await api.addSoftwareKey({ nonce: asked.nonce, name: `Software key in ${browserName()}`, ...fresh.made });
    await keepSoftKey(person, fresh.key);
    key = fresh.key;
  }
  return header(ask.nonce, await signSoft(key, ask.challenge, ask.rp_id));
}

/** What people call this browser. */
export function browserName(agent = navigator.userAgent): string {
  const found = ([['Edg/', 'Edge'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chrome'], ['Safari/', 'Safari']] as const).find(([mark]) => agent.includes(mark));
  return found ? found[1] : 'a browser';
}
