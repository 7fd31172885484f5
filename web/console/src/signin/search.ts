export interface SignInSearch {
  /** Where to go afterwards: a path of this console, never another host. */
  to?: string;
  /** The session has ended by itself. */
  ended?: '1';
}

export function readSignInSearch(raw: Record<string, unknown>): SignInSearch {
  const out: SignInSearch = {};
  if (typeof raw.to === 'string' && /^\/(?![/\\])/.test(raw.to)) out.to = raw.to;
  if (raw.ended === '1') out.ended = '1';
  return out;
}
