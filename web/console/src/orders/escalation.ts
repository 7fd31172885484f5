import type { OnCall, Order, OrderEvent } from '../api/orders';

/** Whom an order that waits for people was brought to, and who is asked next and when: as the server decides it (fleet/dosing, nextOnCall). */
export interface Escalation {
  readonly asked: { readonly name: string; readonly at: string } | null;
  readonly next: { readonly name: string; /** Unix milliseconds. */ readonly at: number } | null;
}

const ASKS = ' is asked to verify';

type Waiting = Pick<Order, 'site' | 'state' | 'proposed_at' | 'asked_all' | 'asked_until'> & {
  readonly proposer: Pick<Order['proposer'], 'id'>;
  readonly approvals: readonly { readonly person: Pick<Order['proposer'], 'id'> }[];
};

/** now is the server's, in milliseconds. Null: the order waits for nobody to verify or sign it. */
export function escalationOf(o: Waiting, onCall: readonly OnCall[], events: readonly Pick<OrderEvent, 'note' | 'at'>[], now: number): Escalation | null {
  if ((o.state !== 'proposed' && o.state !== 'verified') || o.proposed_at === null) return null;
  const note = events.filter((e) => e.note.endsWith(ASKS)).toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).at(-1);
  // By people and not by places in the list, which changes with every shift.
  const done = new Set([o.proposer.id, ...o.asked_all, ...o.approvals.map((a) => a.person.id)]);
  const next = onCall.find((c) => c.site === o.site && !done.has(c.user) && Date.parse(c.from) <= now && now < Date.parse(c.to));
  const at = Date.parse(o.asked_until ?? o.proposed_at);
  return { asked: note ? { name: note.note.slice(0, -ASKS.length), at: note.at } : null, next: next ? { name: next.name, at } : null };
}
