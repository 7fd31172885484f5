import type { PumpRow, PumpStatus, Role } from '../api/types';

export type ActName = 'claim' | 'swap' | 'revoke' | 'reinstate' | 'explant' | 'retire' | 'replace' | 'fate';

export interface Act {
  readonly name: ActName;
  readonly title: string;
  readonly button: string;
  /** What will happen, before anybody presses the button. */
  readonly effect: string;
  readonly from: readonly PumpStatus[];
  readonly roles: readonly Role[];
  /** Only with, or only without, a communicator. */
  readonly paired?: boolean;
  /** Cannot be undone: the serial must be typed. */
  readonly final?: boolean;
}

/** What a person may do to a pump, and from which status. The registry decides; this only offers what it would take. */
export const acts: readonly Act[] = [
  {
    name: 'claim', title: 'Make a claim slip', button: 'Make claim slip', from: ['registered', 'active'], roles: ['engineer'], paired: false,
    effect: 'The slip lets one communicator enrol for this pump, once, until it expires. An earlier slip that was not used stops working.',
  },
  {
    name: 'swap', title: 'Swap the communicator', button: 'Swap communicator', from: ['active'], roles: ['engineer'], paired: true,
    effect: 'Makes a slip with which the new communicator enrols for this pump. The present one keeps its connection until then, unless it is lost. The pump itself is not touched and goes on infusing.',
  },
  {
    name: 'revoke', title: 'Revoke trust', button: 'Revoke', from: ['registered', 'active'], roles: ['engineer'],
    effect: 'The link is cut at once and every certificate is revoked. The pump goes on infusing its program, unwatched, until it is reinstated and enrols again.',
  },
  {
    name: 'reinstate', title: 'Reinstate', button: 'Reinstate', from: ['revoked'], roles: ['engineer'],
    effect: 'The pump may enrol again with a new claim slip and the key that it has always had.',
  },
  {
    name: 'explant', title: 'Record the explant', button: 'Record explant', from: ['registered', 'active', 'revoked', 'manual'], roles: ['engineer', 'prescriber'], final: true,
    effect: 'The pump is out of the patient. Its link and its alarms end, and its silence is no news from then on. It is never implanted again.',
  },
  {
    name: 'replace', title: 'Link the replacement', button: 'Link', from: ['explanted'], roles: ['engineer'],
    effect: 'Both pages show that the new pump took this one’s place. The patient goes over as an expectation only: nothing is bound, and no dose is carried over.',
  },
  {
    name: 'fate', title: 'Record what became of it', button: 'Record', from: ['explanted'], roles: ['engineer', 'prescriber'],
    effect: 'Where the device is now. What was recorded before stays in the record.',
  },
  {
    name: 'retire', title: 'Retire', button: 'Retire', from: ['registered', 'active', 'revoked', 'manual', 'explanted'], roles: ['engineer'], final: true,
    effect: 'The pump leaves service for good. Its history stays.',
  },
];

/** The acts that the pump's state and the person's roles at its site leave. */
export function possibleActs(row: PumpRow, has: (roles: readonly Role[]) => boolean): readonly Act[] {
  return acts.filter((a) => a.from.includes(row.status) && has(a.roles) && (a.paired === undefined || a.paired === (row.link !== '')));
}
