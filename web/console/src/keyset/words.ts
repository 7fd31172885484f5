import type { KeyRecord, Keyset } from '../api/orders';
import { actWord, meaningWord } from '../orders/words';

/** The words of keysets, and what two of them say differently. */

const DAY = 86_400;

export const roleWord: Record<string, string> = { prescriber: 'prescribe', verifier: 'verify', pharmacist: 'verify as pharmacist', policy: 'act under policy', release: 'release', stop: 'stop' };

export type Stage = 'fresh' | 'notice' | 'urgent' | 'grave';

/** How near the end is: alarms rise at 45, 21 and 7 days. */
export function stageOf(expires: number, now: number): Stage {
  const left = expires - now;
  return left <= 7 * DAY ? 'grave' : left <= 21 * DAY ? 'urgent' : left <= 45 * DAY ? 'notice' : 'fresh';
}

/** Whole days that are left, rounded down; "over" when there is none. */
export const daysText = (expires: number, now: number): string => {
  const left = Math.floor((expires - now) / DAY);
  return expires <= now ? 'over' : left === 1 ? '1 day left' : `${left} days left`;
};

export const stageMeaning: Record<Stage, string> = {
  fresh: '', notice: 'Less than 45 days: have the next keyset signed.', urgent: 'Less than 21 days: have the next keyset signed now.',
  grave: 'Pumps with this keyset soon take nothing but stops, clock orders and a resume by two people. Sign the next keyset today.',
};

/** What a policy asks, in words: "two people, one of them prescribes". */
export function policyText(p: NonNullable<Keyset['keyset']['policies']>[number]): string {
  const people = ['', 'one person', 'two people', 'three people', 'four people', 'five people'][p.people] ?? `${p.people} people`;
  const means = (p.meanings ?? []).map((m) => `“${meaningWord[m] ?? m}”`).join(' and ');
  return means === '' ? people : `${people}; one signs ${means}`;
}

const classWord = ['', 'Stops and small decreases', 'Ordinary orders', 'First orders, large steps'];

export const actText = (p: { act?: string; class: number }): string => (p.act === undefined ? classWord[p.class] ?? `Class ${p.class}` : `${actWord[p.act] ?? p.act}, class ${p.class}`);

export interface KeyChange { readonly person: string; readonly key: string; readonly what: string; readonly kind: 'added' | 'removed' | 'changed' }

/** The records of each key: one for each set of sites at which its owner may the same. */
function byKey(all: readonly KeyRecord[]): Map<string, KeyRecord[]> {
  const out = new Map<string, KeyRecord[]>();
  for (const k of all) out.set(k.key, [...(out.get(k.key) ?? []), k]);
  return out;
}
const grants = (all: readonly KeyRecord[]): string => JSON.stringify(all.map((k) => [k.roles, k.sites ?? []]));
const mayText = (all: readonly KeyRecord[]): string => all.map(rolesText).join('; elsewhere ');

/** What a draft says differently from the keyset in force. Keys are named by their public text. */
export function keyChanges(now: Keyset['keyset'], next: Keyset['keyset']): KeyChange[] {
  const out: KeyChange[] = [];
  const [before, after] = [byKey(now.keys), byKey(next.keys)];
  for (const [key, all] of after) {
    const old = before.get(key);
    before.delete(key);
    const what = `may ${mayText(all)}`;
    if (!old) out.push({ person: all[0]!.person, key, what, kind: 'added' });
    else if (grants(old) !== grants(all)) out.push({ person: all[0]!.person, key, what: mayText(old) === mayText(all) ? 'counts at other sites' : `${what}, before: ${mayText(old)}`, kind: 'changed' });
  }
  for (const [k] of before.values()) if (k) out.push({ person: k.person, key: k.key, what: (next.revoked ?? []).length > (now.revoked ?? []).length ? 'counts no more' : 'is left out', kind: 'removed' });
  if (now.origin !== next.origin) out.push({ person: 'The console', key: '', what: `signs at ${next.origin}, before: ${now.origin}`, kind: 'changed' });
  if (JSON.stringify(now.policies ?? []) !== JSON.stringify(next.policies ?? [])) out.push({ person: 'The policy', key: '', what: 'asks for other people', kind: 'changed' });
  return out;
}

export const rolesText = (k: Pick<KeyRecord, 'roles'>): string => k.roles.map((r) => roleWord[r] ?? r).join(', ');
