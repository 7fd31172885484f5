import type { OnCall, Order, OrderEvent } from '../api/orders';

/** Whom an order that waits for its second person was brought to, and who is asked next and when: as the server decides it (fleet/dosing, nextOnCall). */
export interface Escalation {
  readonly asked: { readonly name: string; readonly at: string } | null;
  readonly next: { readonly name: string; /** Unix milliseconds. */ readonly at: number } | null;
}

const ASKS = ' is asked to verify';

type Waiting = Pick<Order, 'site' | 'state' | 'proposed_at' | 'escalated'> & { readonly proposer: Pick<Order['proposer'], 'id'> };

/** now is the server's, in milliseconds. Null: the order waits for nobody to verify it. */
export function escalationOf(o: Waiting, onCall: readonly OnCall[], events: readonly Pick<OrderEvent, 'note' | 'at'>[], now: number): Escalation | null {
  if (o.state !== 'proposed' || o.proposed_at === null) return null;
  const note = events.filter((e) => e.note.endsWith(ASKS)).toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).at(-1);
  const list = onCall.filter((c) => c.site === o.site && c.user !== o.proposer.id && Date.parse(c.from) <= now && now < Date.parse(c.to));
  const due = list.slice(0, o.escalated).reduce((t, c) => t + c.wait_s * 1000, Date.parse(o.proposed_at));
  const next = list[o.escalated];
  return { asked: note ? { name: note.note.slice(0, -ASKS.length), at: note.at } : null, next: next ? { name: next.name, at: due } : null };
}
