import { join, sha256, toText, utf8 } from './bytes';

/**
 * A demo's stand-in for a passkey: a P-256 key that this browser keeps, without ever letting its secret out, and that answers
 * as an authenticator does, so that the server has one way to verify. It protects nothing: whoever uses the browser has it.
 */
export interface SoftKey {
  readonly id: Uint8Array<ArrayBuffer>;
  readonly secret: CryptoKey;
}

const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const PRESENT_AND_VERIFIED = 0x05;
const ATTESTED = 0x40;

/** The answer of an authenticator, in the API's spelling. */
export interface Answer {
  readonly credential: string;
  readonly authenticator_data: string;
  readonly client_data: string;
  readonly signature: string;
}

function clientData(type: 'webauthn.get' | 'webauthn.create', challenge: string, origin: string): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
}

async function head(rpId: string, flags: number): Promise<Uint8Array<ArrayBuffer>> {
  return join(await sha256(utf8(rpId)), new Uint8Array([flags, 0, 0, 0, 0]));
}

/** An integer of 32 bytes in DER. */
function integer(bytes: Uint8Array): Uint8Array {
  let from = 0;
  while (from < 31 && bytes[from] === 0) from++;
  const body = bytes.slice(from);
  const digits = body[0]! >= 0x80 ? join(new Uint8Array([0]), body) : body;
  return join(new Uint8Array([2, digits.length]), digits);
}

/** WebCrypto gives the two numbers of a signature side by side; authenticators give them in DER. */
export function der(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = join(integer(raw.subarray(0, 32)), integer(raw.subarray(32)));
  return join(new Uint8Array([0x30, body.length]), body);
}

export async function signSoft(key: SoftKey, challenge: string, rpId: string, origin = location.origin): Promise<Answer> {
  const data = await head(rpId, PRESENT_AND_VERIFIED);
  const client = clientData('webauthn.get', challenge, origin);
  const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.secret, join(data, await sha256(client))));
  return { credential: toText(key.id), authenticator_data: toText(data), client_data: toText(client), signature: toText(der(raw)) };
}

/** A fresh key, and what enrols it. */
export async function makeSoft(challenge: string, rpId: string, origin = location.origin) {
  const pair = await crypto.subtle.generateKey(curve, false, ['sign', 'verify']);
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const id = crypto.getRandomValues(new Uint8Array(32));
  // The COSE key that every authenticator writes for ES256.
  const cose = join(new Uint8Array([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20]), point.subarray(1, 33), new Uint8Array([0x22, 0x58, 0x20]), point.subarray(33));
  const data = join(await head(rpId, PRESENT_AND_VERIFIED | ATTESTED), new Uint8Array(16), new Uint8Array([0, id.length]), id, cose);
  const made = {
    authenticator_data: toText(data), client_data: toText(clientData('webauthn.create', challenge, origin)),
    public_key: toText(new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey))),
  };
  const key: SoftKey = { id, secret: pair.privateKey };
  return { key, made };
}

const STORE = 'keys';

function open(): Promise<IDBDatabase> {
  return new Promise((done, fail) => {
    const request = indexedDB.open('cisterna-software-keys', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}

async function inStore<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await open();
  try {
    return await new Promise<T>((done, fail) => {
      const request = act(db.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error);
    });
  } finally {
    db.close();
  }
}

/** The keys that this browser holds for a person, by the names that the server knows them by. */
export async function softKeyAmong(person: string, credentials: readonly string[]): Promise<SoftKey | null> {
  const key = await inStore<SoftKey | undefined>('readonly', (s) => s.get(person));
  return key && credentials.includes(toText(key.id)) ? key : null;
}

export async function keepSoftKey(person: string, key: SoftKey): Promise<void> {
  await inStore('readwrite', (s) => s.put(key, person));
}

