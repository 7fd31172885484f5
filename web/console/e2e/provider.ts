import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/**
 * A small OpenID provider for the browser's tests: real HTTP, a page where people sign in, codes that count once, PKCE, and id
 * tokens signed with a key that it publishes. It knows two people. It is not for use.
 */
export class Provider {
  /** Who may sign in, and the subject that the provider calls them. */
  static readonly people: Readonly<Record<string, { password: string; subject: string }>> = {
    'r.ferreira': { password: 'from the organisation', subject: 'org-4711' }, 'n.nobody': { password: 'from the organisation', subject: 'org-4712' },
  };

  private readonly keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  private readonly codes = new Map<string, { asked: URLSearchParams; subject: string }>();
  private readonly server: Server;
  /** The provider's session of each subject that signed in last. */
  readonly sessions = new Map<string, string>();

  private constructor(private readonly port: number, private readonly client: string) {
    this.server = createServer((q, a) => {
      this.answer(q, a).catch((err: unknown) => {
        a.writeHead(500).end(String(err));
      });
    });
  }

  get issuer(): string {
    return `http://localhost:${this.port}`;
  }

  static async start(port: number, client: string): Promise<Provider> {
    const p = new Provider(port, client);
    await new Promise<void>((ok, no) => p.server.once('error', no).listen(port, 'localhost', ok));
    return p;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((ok) => this.server.close(ok));
  }

  /** Says, signed, that somebody has signed out here (OpenID Connect Back-Channel Logout 1.0). */
  logoutToken(subject: string): string {
    const now = Math.floor(Date.now() / 1000);
    return this.token({ iss: this.issuer, aud: this.client, sub: subject, sid: this.sessions.get(subject), iat: now, exp: now + 120, jti: randomBytes(16).toString('hex'), events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, 'logout+jwt');
  }

  private token(claims: object, typ: string): string {
    const text = (o: object) => Buffer.from(JSON.stringify(o)).toString('base64url');
    const body = `${text({ alg: 'ES256', kid: 'one', typ })}.${text(claims)}`;
    return `${body}.${sign('sha256', Buffer.from(body), { key: this.keys.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }

  private async answer(q: IncomingMessage, a: ServerResponse): Promise<void> {
    const url = new URL(q.url ?? '/', this.issuer);
    const json = (status: number, body: object) => a.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    switch (`${q.method} ${url.pathname}`) {
      case 'GET /.well-known/openid-configuration':
        json(200, {
          issuer: this.issuer, authorization_endpoint: `${this.issuer}/authorize`, token_endpoint: `${this.issuer}/token`, jwks_uri: `${this.issuer}/keys`, response_types_supported: ['code'],
          subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'],
        });
        return;
      case 'GET /keys':
        json(200, { keys: [{ ...this.keys.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'one' }] });
        return;
      case 'GET /authorize':
        this.page(a, url.searchParams, '');
        return;
      case 'POST /authorize':
        this.enter(a, url.searchParams, new URLSearchParams(await read(q)));
        return;
      case 'POST /token':
        this.exchange(json, new URLSearchParams(await read(q)));
        return;
      default:
        a.writeHead(404).end();
    }
  }

  private page(a: ServerResponse, asked: URLSearchParams, wrong: string): void {
    const good = asked.get('client_id') === this.client && asked.get('response_type') === 'code' && asked.get('code_challenge_method') === 'S256' && asked.get('code_challenge') && asked.get('state') && asked.get('nonce');
    a.writeHead(good ? 200 : 400, { 'Content-Type': 'text/html' }).end(good
      ? `<!doctype html><html lang="en"><title>Organisation</title><h1>Sign in to your organisation</h1><p role="alert">${wrong}</p>
         <form method="post"><label>User <input name="user"></label> <label>Password <input name="password" type="password"></label>
         <button name="act" value="in">Sign in</button> <button name="act" value="no">Cancel</button></form></html>`
      : 'not as it must be');
  }

  private enter(a: ServerResponse, asked: URLSearchParams, form: URLSearchParams): void {
    const back = (more: Record<string, string>) => a.writeHead(303, { Location: `${asked.get('redirect_uri')}?${new URLSearchParams({ ...more, state: asked.get('state')!, iss: this.issuer })}` }).end();
    if (form.get('act') === 'no') {
      back({ error: 'access_denied' });
      return;
    }
    const who = Provider.people[form.get('user') ?? ''];
    if (!who || who.password !== form.get('password')) {
      this.page(a, asked, 'User or password is wrong.');
      return;
    }
    const code = randomBytes(16).toString('hex');
    this.codes.set(code, { asked, subject: who.subject });
    back({ code });
  }

  private exchange(json: (status: number, body: object) => void, form: URLSearchParams): void {
    const given = this.codes.get(form.get('code') ?? '');
    this.codes.delete(form.get('code') ?? '');
    const proof = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    if (!given || proof !== given.asked.get('code_challenge') || form.get('redirect_uri') !== given.asked.get('redirect_uri')) {
      json(400, { error: 'invalid_grant' });
      return;
    }
    const now = Math.floor(Date.now() / 1000);
    const sid = randomBytes(8).toString('hex');
    this.sessions.set(given.subject, sid);
    json(200, {
      access_token: randomBytes(16).toString('hex'), token_type: 'Bearer', expires_in: 300,
      id_token: this.token({ iss: this.issuer, sub: given.subject, aud: this.client, iat: now, exp: now + 300, auth_time: now, nonce: given.asked.get('nonce'), sid }, 'JWT'),
    });
  }
}

async function read(q: IncomingMessage): Promise<string> {
  let body = '';
  for await (const part of q) body += String(part);
  return body;
}
