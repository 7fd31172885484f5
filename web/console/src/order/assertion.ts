import { base64url, join, same, sha256, utf8, type Bytes } from './bytes';
import type { Assertion } from './documents';
import { verifySignature, type Key } from './keys';

/** WebAuthn assertions by the limited algorithm of docs/protocol.md section 7: no JSON parser, no CBOR parser, no options. */

export interface Signer {
  readonly key: Key;
  readonly relyingParty: string;
  readonly origin: string;
}

const UP = 0x01;
const UV = 0x04;
const MAX_CLIENT_DATA = 1024;

/** Whether the authenticator data is of this relying party, with somebody present and verified, and a key that cannot be copied. */
async function authenticatorFits(data: Bytes, relyingParty: string): Promise<boolean> {
  // Backup eligible (3), backed up (4), attested data (6), extensions (7) and the reserved bits 1 and 5 must all be clear.
  return data.length === 37 && data[32] === (UP | UV) && same(data.subarray(0, 32), await sha256(utf8(relyingParty)));
}

/** Whether the client data begins as it must. What other members follow decides nothing. */
function clientFits(client: Bytes, challenge: Bytes, origin: string): boolean {
  const head = utf8(`{"type":"webauthn.get","challenge":"${base64url(challenge)}","origin":"${origin}","crossOrigin":false`);
  if (client.length > MAX_CLIENT_DATA || client.length <= head.length || !same(client.subarray(0, head.length), head)) return false;
  const next = String.fromCharCode(client[head.length]!);
  return (next === '}' || next === ',') && client[client.length - 1] === 0x7d;
}

/** Whether the signer signed this challenge with a passkey. */
export async function verifyAssertion(signer: Signer, challenge: Bytes, a: Assertion): Promise<boolean> {
  if (signer.key.algorithm !== 'es256') return false;
  if (!(await authenticatorFits(a.authenticator, signer.relyingParty)) || !clientFits(a.client, challenge, signer.origin)) return false;
  return verifySignature(signer.key, join(a.authenticator, await sha256(a.client)), a.signature);
}
