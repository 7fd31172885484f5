import type { Act, Group, Meaning, Order, OrderState, Severity, Source } from '../api/orders';
import type { Me, Role } from '../api/types';
import { hasAnyRole, hasRole } from '../session/session';

/** The words of orders, in one place. */

export const actWord: Record<string, string> = {
  program: 'New program', bolus: 'Bolus', prime: 'Priming bolus', visit: 'Refill visit', bind: 'Bind to patient', settings: 'Alarm settings', resume: 'Resume', erase: 'Erase the program',
  adopt: 'Adopt what runs', transfer: 'Transfer to a site', clock: 'Set the clock',
} satisfies Record<Act, string>;

export const stateWord: Record<OrderState, string> = {
  draft: 'Draft', proposed: 'Proposed', verified: 'Verified', approved: 'Approved', released: 'Released', sent: 'Sent', received: 'Applied, and contradicted', applied: 'Applied',
  refused: 'Refused by the pump', expired: 'Expired', withdrawn: 'Withdrawn', superseded: 'Superseded', stale: 'Stale',
};

export const stateMeaning: Record<OrderState, string> = {
  draft: 'Nobody but its author works with it: they take it up or discard it. There is nothing to sign yet.',
  proposed: 'A second person has to enter its numbers from another source.',
  verified: 'A second person entered the same numbers. Signatures are missing.',
  approved: 'Enough people have signed. Somebody has to release it while the pump is connected.',
  released: 'Let go. It leaves as soon as the record holds it for good.',
  sent: 'The bytes have left this server. Nothing more is known: sent is not applied.',
  received: 'The pump says that it applied this, and says of itself that it runs something else or does not infuse.',
  applied: 'The pump’s signed answer says that it runs this.',
  refused: 'The pump’s signed answer refuses it. What ran before runs on.',
  expired: 'Its time is over. Nothing was changed by it.',
  withdrawn: 'Taken back.',
  superseded: 'Another order took its place.',
  stale: 'The pump or the patient is not as the signers saw them. Propose again.',
};

/** The two branches of a refill visit, rehearsed. */
export const plannedTitle = 'Seven days, rehearsed: as planned';
export const sameTitle = 'Seven days, rehearsed: the same dose';

export const openStates: readonly OrderState[] = ['draft', 'proposed', 'verified', 'approved', 'released', 'sent', 'received'];
export const overStates: readonly OrderState[] = ['applied', 'refused', 'expired', 'withdrawn', 'superseded', 'stale'];
export const isOpen = (s: OrderState): boolean => openStates.includes(s);
export const isAway = (s: OrderState): boolean => s === 'released' || s === 'sent';

export const meaningWord: Record<string, string> = {
  prescribe: 'I prescribe this', verify: 'I verified this independently', pharmacist: 'I verified this as a pharmacist', policy: 'I act under standing policy',
} satisfies Record<Meaning, string>;

/** What a person says by whatever they sign of orders: an approval, or an act that is a document of its own. */
export const signedWord: Record<string, string> = { ...meaningWord, release: 'I release this to the pump now', stop: 'I stop this pump', withdraw: 'I take this order back' };

export const groupWord: Record<string, string> = {
  cancer: 'Cancer pain', non_cancer: 'Non-cancer pain', spinal: 'Spasticity, spinal origin', cerebral: 'Spasticity, cerebral origin', child: 'Child',
} satisfies Record<Group, string>;

export const severityWord: Record<Severity, string> = { none: 'no withdrawal', moderate: 'withdrawal', severe: 'severe withdrawal', deadly: 'withdrawal can kill' };

export const sourceWord: Record<Source, string> = { prescription: 'The written prescription', syringe: 'The syringe label', calculation: 'My own calculation', pump: 'The pump’s own display', record: 'The patient’s record or a letter' };

export const modeWord: Record<string, string> = {
  stopped: 'Stopped', minimum: 'Minimum rate', continuous: 'Continuous', flex_day: 'Flexible over the day', flex_week: 'Flexible over the week', periodic: 'Periodic', single: 'Once',
};

export const runWords: Record<number, string> = { 1: 'infusing', 2: 'at minimum rate', 3: 'stopped' };

/** What a pump is busy with, so that it takes no order in the middle of it. */
export const busyWord: Record<number, string> = { 1: 'A bolus runs.', 2: 'A priming bolus runs.', 3: 'Firmware is being installed.' };

const proposers: readonly Role[] = ['prescriber'];
const checkers: readonly Role[] = ['verifier', 'pharmacist', 'prescriber'];
const releasers: readonly Role[] = ['prescriber', 'verifier', 'nurse'];
const stoppers: readonly Role[] = ['prescriber', 'verifier', 'pharmacist', 'nurse'];

/** What the screens offer to whom. The server decides; this only hides what it would refuse. */
export const mayDose = {
  propose: (me: Me, site: string) => hasRole(me, site, proposers),
  check: (me: Me, site: string) => hasRole(me, site, checkers),
  release: (me: Me, site: string) => hasRole(me, site, releasers),
  stop: (me: Me, site: string) => hasRole(me, site, stoppers),
};

/** Whether orders may ever wait for somebody: engineers, auditors and administrators only read them. */
export const takesPart = (me: Me): boolean => hasAnyRole(me, [...proposers, ...checkers, ...releasers]);
export const proposesSomewhere = (me: Me): boolean => hasAnyRole(me, proposers);

/** What somebody says by signing: the proposer and other prescribers prescribe; others verify. */
export function meaningFor(me: Me, order: Pick<Order, 'site' | 'proposer'>): Meaning | null {
  if (order.proposer.id === me.id) return 'prescribe';
  if (hasRole(me, order.site, ['verifier'])) return 'verify';
  if (hasRole(me, order.site, ['pharmacist'])) return 'pharmacist';
  if (hasRole(me, order.site, ['prescriber'])) return 'prescribe';
  return null;
}

export const signedBy = (me: Me, order: Pick<Order, 'approvals'>): boolean => order.approvals.some((a) => a.person.id === me.id);

/** What an open order waits for from this person, or null. */
export function waitsFor(me: Me, o: Order): 'verify' | 'sign' | 'release' | null {
  const other = o.proposer.id !== me.id;
  if (o.state === 'approved') return mayDose.release(me, o.site) ? 'release' : null;
  if (o.state !== 'proposed' && o.state !== 'verified') return null;
  if (signedBy(me, o)) return null;
  if (other) return !mayDose.check(me, o.site) ? null : o.blind ? 'verify' : 'sign';
  return mayDose.propose(me, o.site) ? 'sign' : null;
}

export const waitWord = { verify: 'Verify', sign: 'Read and sign', release: 'Release' } as const;
