import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { APIRequestContext } from '@playwright/test';
import type { Person } from './support';

/** Somebody of the demo who calls the API without a page, and steps up with a software key of their own where it asks. */
export class Caller {
  private key: { id: Buffer; secret: KeyObject } | null = null;

  private constructor(private readonly http: APIRequestContext, private readonly origin: string) {}

  static async signIn(http: APIRequestContext, origin: string, who: Person): Promise<Caller> {
    const c = new Caller(http, origin);
    await c.call('POST', '/session', { login: who.login, password: who.password });
    return c;
  }

  /** Calls the API and returns what it answers; fails where it refuses. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    let answer = await this.send(method, path, body);
    const problem = (await answer.json().catch(() => null)) as { code?: string; step_up?: { nonce: string; challenge: string; rp_id: string } } | null;
    if (problem?.code === 'step_up_required') {
      this.key ??= await this.enrol();
      const { nonce, challenge, rp_id } = problem.step_up!;
      const data = this.head(rp_id, 0x05);
      const client = this.client('webauthn.get', challenge);
      const signature = sign('sha256', Buffer.concat([data, createHash('sha256').update(client).digest()]), this.key.secret);
      const header = ['v1', nonce, ...[this.key.id, data, client, signature].map((b) => b.toString('base64url'))].join('.');
      answer = await this.send(method, path, body, { 'Cisterna-Step-Up': header });
    }
    const text = await answer.text();
    if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  private send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    return this.http.fetch(`${this.origin}/api/v1${path}`, { method, ...(body === undefined ? {} : { data: body }), headers: { Origin: this.origin, ...headers } });
  }

  private head(rpId: string, flags: number): Buffer {
    return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.from([flags, 0, 0, 0, 0])]);
  }

  private client(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  private async enrol() {
    const asked = await this.call<{ nonce: string; challenge: string; rp_id: string }>('POST', '/me/software-key/ask');
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const point = spki.subarray(-64);
    const id = randomBytes(32);
    const cose = Buffer.concat([Buffer.from('a5010203262001215820', 'hex'), point.subarray(0, 32), Buffer.from('225820', 'hex'), point.subarray(32)]);
    const data = Buffer.concat([this.head(asked.rp_id, 0x45), Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]);
    await this.call('POST', '/me/software-key', {
      nonce: asked.nonce, name: 'Key of a test', authenticator_data: data.toString('base64url'), client_data: this.client('webauthn.create', asked.challenge).toString('base64url'),
      public_key: spki.toString('base64url'),
    });
    return { id, secret: privateKey };
  }
}
