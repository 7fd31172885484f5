import type { LinkProps } from '@tanstack/react-router';
import type { Me, Role } from '../api/types';
import { hasAnyRole } from '../session/session';
import type { IconName } from '../ui/Icon';

/** Where one can go, as data: a new screen adds one line here and nothing else to the frame. */
export interface Place {
  readonly to: NonNullable<LinkProps['to']>;
  readonly name: string;
  readonly icon: IconName;
  readonly group: Group;
  /** Who is offered it: people with one of these roles at any site. None given: everybody. The server decides all the same. */
  readonly roles?: readonly Role[];
  /** Offered in a visit, too: what it shows can be narrowed to one pump, and is of use then. */
  readonly visit?: true;
  /** For whom it is in the bar at the bottom of a narrow screen, where there is room for four. The others are behind "More". */
  readonly thumb?: 'all' | readonly Role[];
  /** The second key after g. */
  readonly key?: string;
  /** Further words by which the palette finds it. */
  readonly words?: string;
}

export type Group = 'watch' | 'manage' | 'account';

/** The groups in their order. Hairlines part them; the words are for readers and the drawer. */
export const groups: readonly { readonly id: Group; readonly name: string }[] = [
  { id: 'watch', name: 'Watch' },
  { id: 'manage', name: 'Manage' },
  { id: 'account', name: 'Help' },
];

export const places: readonly Place[] = [
  { to: '/', name: 'Home', icon: 'home', group: 'watch', visit: true, thumb: 'all', key: 'h', words: 'start overview counts' },
  { to: '/fleet', name: 'Fleet', icon: 'fleet', group: 'watch', thumb: 'all', key: 'f', words: 'pumps list table' },
  { to: '/alarms', name: 'Alarms', icon: 'alarms', group: 'watch', visit: true, thumb: 'all', key: 'a' },
  { to: '/orders', name: 'Orders', icon: 'orders', group: 'watch', visit: true, thumb: ['engineer', 'nurse', 'prescriber', 'verifier', 'pharmacist', 'admin'], key: 'o', words: 'dose prescription approve verify sign release therapy' },
  { to: '/devices', name: 'Communicators', icon: 'device', group: 'manage', words: 'devices stock spare reserve lost' },
  { to: '/work', name: 'Maintenance', icon: 'tool', group: 'manage', roles: ['engineer', 'nurse'], key: 'm', words: 'work due overdue inspection safety check cmms assets export' },
  { to: '/recalls', name: 'Recalls', icon: 'shield', group: 'manage', words: 'field safety notice serial range contact' },
  { to: '/library', name: 'Drug library', icon: 'library', group: 'manage', key: 'l', words: 'drugs limits concentrations pharmacist versions formulary ders' },
  { to: '/keyset', name: 'Keyset', icon: 'key', group: 'manage', words: 'signing keys signers trust root administrators revoke expiry' },
  { to: '/on-call', name: 'On call', icon: 'clock', group: 'manage', roles: ['prescriber', 'verifier', 'pharmacist', 'admin', 'auditor'], words: 'verifier escalation rota night' },
  { to: '/reports', name: 'Reports', icon: 'table', group: 'manage', words: 'overrides good catches compliance steps csv' },
  { to: '/record', name: 'Record', icon: 'record', group: 'manage', thumb: ['auditor'], key: 'r', words: 'audit entries verify checkpoint' },
  { to: '/people', name: 'People', icon: 'person', group: 'manage', roles: ['admin', 'auditor'], key: 'p', words: 'administration roles sites accounts users' },
  { to: '/status', name: 'Status', icon: 'status', group: 'manage', roles: ['engineer', 'admin', 'auditor'], key: 's', words: 'system server database health' },
  { to: '/help', name: 'Help', icon: 'help', group: 'account', visit: true, words: 'guide keys manual' },
];

/** What this person is offered, in order. */
export function placesOf(me: Me): Place[] {
  return places.filter((p) => (!p.roles || hasAnyRole(me, p.roles)) && (!me.visit || p.visit));
}

/** The places in the bar of a narrow screen. There is no room for both orders and the record: who only audits is offered the record. */
export function thumbsOf(me: Me): Place[] {
  return placesOf(me).filter((p) => p.thumb === 'all' || (p.thumb !== undefined && hasAnyRole(me, p.thumb))).slice(0, 4);
}
