import type { RootTransfer } from '../api/orders';

/** Where a transfer by the root stands: only the pump's own answer says that it has moved. */
export type Standing = 'unsigned' | 'unused' | 'waits' | 'sent' | 'applied' | 'refused' | 'expired';

export function standing(t: Pick<RootTransfer, 'letter' | 'expires_at'>, now: number): Standing {
  if (t.letter === null) return Date.parse(t.expires_at) > now ? 'unsigned' : 'unused';
  return t.letter.state === 'open' ? 'waits' : t.letter.state;
}

/** Whether something may still come of it. */
export const underway = (s: Standing) => s === 'waits' || s === 'sent';

/** What a file of `cisterna keys transfer` holds; null if it is no such file. The server reads it for what it is. */
export function readSigned(text: string): string | null {
  const line = text.trim();
  return line.length >= 100 && line.length <= 22_000 && /^[A-Za-z0-9_-]+$/.test(line) ? line : null;
}
