import { Problem } from '../api/problem';
import { fromText, toText } from './bytes';
import type { Answer } from './softkey';

/** What the server asks an authenticator. */
export interface Asked {
  readonly challenge: string;
  readonly rp_id: string;
}

/** The browser's own part of passkeys, and why it fails, in the words of someone who wants to get on. */

export class NoPasskey extends Error {
  override readonly name = 'NoPasskey';
}

const bareAddress = /^(\d+\.\d+\.\d+\.\d+|\[.*\])$/;

/** Why this page cannot use passkeys at all, or null. rpId is what the server's passkeys are made for. */
export function unusable(rpId: string): string | null {
  const { hostname, protocol } = location;
  if (bareAddress.test(hostname)) return `Passkeys do not work at a bare address. Open this page as https:// and the server's name, or as http://localhost on the server itself.`;
  if (hostname !== rpId && !hostname.endsWith(`.${rpId}`)) return `Passkeys of this server work at ${rpId}, and this page is at ${hostname}. Open it there.`;
  if (!window.isSecureContext) return `Passkeys need an encrypted connection, and this page came by ${protocol}//. Open it by https://.`;
  if (typeof PublicKeyCredential === 'undefined' || !navigator.credentials) return 'This browser has no passkeys. Use a current Chrome, Edge, Firefox or Safari.';
  return null;
}

/** What went wrong with an authenticator. */
export function whyNot(err: unknown, making = false): string {
  const name = err instanceof DOMException ? err.name : '';
  switch (name) {
    case 'NotAllowedError':
      return making
        ? 'No passkey was made: it was cancelled, took too long, or the device did not check who you are. Try again.'
        : 'No passkey was used: it was cancelled, took too long, or this device has none for you here. Try again, or use the device that has it.';
    case 'InvalidStateError': return 'This device has a passkey for you already. Use that one, or another device.';
    case 'SecurityError': return 'This address does not fit the server’s passkeys. Open the page at the server’s own name.';
    case 'NotSupportedError':
    case 'ConstraintError': return 'This device cannot do what is needed: a passkey with PIN, fingerprint or face. Use another one.';
    case 'AbortError': return 'Cancelled.';
    default: return err instanceof NoPasskey ? err.message : 'The device failed. Try again, or use another one.';
  }
}

function own(key: Credential | null): PublicKeyCredential {
  if (!(key instanceof PublicKeyCredential)) throw new NoPasskey('The browser gave no passkey. Try again.');
  return key;
}

/** Has a passkey sign; with no credentials named, whichever the person has for this server. */
export async function askPasskey(ask: Asked, credentials: readonly string[] = [], signal?: AbortSignal): Promise<Answer & { user_handle: string }> {
  const blocked = unusable(ask.rp_id);
  if (blocked) throw new NoPasskey(blocked);
  const key = own(await navigator.credentials.get({
    ...(signal ? { signal } : {}),
    publicKey: {
      challenge: fromText(ask.challenge), rpId: ask.rp_id, userVerification: 'required', timeout: 120_000,
      allowCredentials: credentials.map((id) => ({ type: 'public-key' as const, id: fromText(id) })),
    },
  }));
  const r = key.response as AuthenticatorAssertionResponse;
  return {
    credential: toText(key.rawId), user_handle: r.userHandle ? toText(r.userHandle) : '', authenticator_data: toText(r.authenticatorData),
    client_data: toText(r.clientDataJSON), signature: toText(r.signature),
  };
}

export interface Maker extends Asked {
  readonly user_handle: string;
  readonly login: string;
  readonly name: string;
  readonly exclude: readonly string[];
}

/** Makes a passkey. synced says that it may be copied to other devices: it will sign no dose. */
export async function makePasskey(ask: Maker) {
  const blocked = unusable(ask.rp_id);
  if (blocked) throw new NoPasskey(blocked);
  const key = own(await navigator.credentials.create({
    publicKey: {
      challenge: fromText(ask.challenge), rp: { id: ask.rp_id, name: 'Cisterna' },
      user: { id: fromText(ask.user_handle), name: ask.login, displayName: ask.name },
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }], attestation: 'none', timeout: 300_000,
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      excludeCredentials: ask.exclude.map((id) => ({ type: 'public-key' as const, id: fromText(id) })),
    },
  }));
  const r = key.response as AuthenticatorAttestationResponse;
  const spki = r.getPublicKey();
  if (!spki) throw new NoPasskey('The device made a passkey of a kind that this server does not take. Use another device.');
  return { authenticator_data: toText(r.getAuthenticatorData()), client_data: toText(r.clientDataJSON), public_key: toText(spki) };
}

/** One sentence for whatever failed on the way to a signature. */
export function sentence(err: unknown, words: (err: unknown) => string, making = false): string {
  return err instanceof Problem ? words(err) : whyNot(err, making);
}
