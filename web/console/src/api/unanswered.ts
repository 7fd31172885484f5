/**
 * Requests of which nobody knows whether they were done: no answer came. The same request sent again bears the same
 * idempotency key, so that the server does it once at most, and gives the answer that was lost. One is remembered for each
 * address: another request there means something else, and gets a key of its own.
 */
interface Unanswered {
  readonly body: string;
  readonly key: string;
  readonly at: number;
}

/** Later than this, the same words are meant anew: a pump that was revoked and reinstated may be revoked again. */
const MEANT_MS = 10 * 60_000;

const lost = new Map<string, Unanswered>();

const what = async (r: Request) => ({ address: `${r.method} ${r.url}`, body: await r.clone().text() });

/** The key for a request: that of its first sending if no answer came to it, else a new one. */
export async function keyFor(request: Request): Promise<string> {
  const { address, body } = await what(request);
  const before = lost.get(address);
  return before?.body === body && Date.now() - before.at < MEANT_MS ? before.key : crypto.randomUUID();
}

/** Notes that no answer came, or one that leaves open whether it was done. */
export async function noteUnanswered(request: Request): Promise<void> {
  const key = request.headers.get('Idempotency-Key');
  if (key === null) return;
  const { address, body } = await what(request);
  lost.set(address, { body, key, at: Date.now() });
}

/** Notes that the server has done what was asked at this address. */
export function noteAnswered(request: Request): void {
  lost.delete(`${request.method} ${request.url}`);
}
