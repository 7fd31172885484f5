import type { LinkProps } from '@tanstack/react-router';
import type { Me, Role } from '../api/types';
import { hasAnyRole } from '../session/session';
import type { IconName } from '../ui/Icon';

/** What a command may do besides going somewhere. */
export interface CommandContext {
  readonly setTheme: (theme: 'light' | 'dark' | 'auto') => void;
  readonly showShortcuts: () => void;
  readonly toggleShortcuts: () => void;
  readonly toggleRail: () => void;
  readonly print: () => void;
}

/** An act that the palette offers, as data: a part of the console adds its lines here. */
export interface Command {
  readonly id: string;
  readonly name: string;
  readonly icon?: IconName;
  /** Further words by which it is found. */
  readonly words?: string;
  /** Who is offered it, at any site. None given: everybody. */
  readonly roles?: readonly Role[];
  /** Offered in a visit, too: it means something for one pump, or for the page. */
  readonly visit?: true;
  /** Where it leads … */
  readonly to?: LinkProps['to'];
  readonly search?: Readonly<Record<string, string | readonly string[]>>;
  /** … or what it does. */
  readonly run?: (c: CommandContext) => void;
}

export const commands: readonly Command[] = [
  { id: 'alarms-high', visit: true, name: 'High alarms', icon: 'alarms', to: '/alarms', search: { priority: 'high' }, words: 'critical urgent' },
  { id: 'fleet-offline', name: 'Pumps that are offline', icon: 'fleet', to: '/fleet', search: { presence: 'offline' }, words: 'silent not heard' },
  { id: 'fleet-stopped', name: 'Pumps that have stopped', icon: 'fleet', to: '/fleet', search: { run: 'stopped' }, words: 'infusion' },
  { id: 'groups', name: 'Groups and tags', icon: 'fleet', to: '/groups', words: 'members filter label sort pumps' },
  { id: 'propose', name: 'Propose a dose: choose its pump', icon: 'orders', to: '/fleet', roles: ['prescriber'], words: 'new order program bolus' },
  { id: 'waiting', visit: true, name: 'Orders that wait for you', icon: 'orders', to: '/orders', roles: ['prescriber', 'verifier', 'pharmacist', 'nurse'], words: 'verify sign release approve' },
  { id: 'fleet-low', name: 'Reservoirs that are low, or will be within 14 days', icon: 'fleet', to: '/fleet', search: { q: 'level:low OR low_in<14d', sort: 'low_in' }, words: 'refill due' },
  { id: 'fleet-battery', name: 'Pumps with little battery', icon: 'fleet', to: '/fleet', search: { q: 'battery<=20%', sort: 'battery' }, roles: ['engineer'], words: 'charge weak' },
  { id: 'docs', visit: true, name: 'Documents', icon: 'help', to: '/help', words: 'manual guide glossary words' },
  { id: 'tokens', name: 'API tokens', icon: 'link', to: '/people', search: { tab: 'tokens' }, words: 'programs scripts bearer key' },
  { id: 'sites', name: 'Roles and sites', icon: 'person', to: '/people', search: { tab: 'roles' }, roles: ['admin', 'auditor'], words: 'hospital clinic time zone separation duties' },
  { id: 'register', name: 'Register a pump', icon: 'device', to: '/pumps/new', roles: ['engineer'], words: 'new enrol claim slip udi import' },
  { id: 'theme-light', visit: true, name: 'Light theme', icon: 'sun', run: (c) => c.setTheme('light'), words: 'look colour' },
  { id: 'theme-dark', visit: true, name: 'Dark theme', icon: 'moon', run: (c) => c.setTheme('dark'), words: 'look colour night' },
  { id: 'theme-auto', visit: true, name: 'Theme as the system', icon: 'system', run: (c) => c.setTheme('auto'), words: 'look colour' },
  { id: 'rail', visit: true, name: 'Narrow or widen the navigation', icon: 'rail', run: (c) => c.toggleRail(), words: 'sidebar menu collapse' },
  { id: 'security', visit: true, name: 'Your security', icon: 'person', to: '/me', words: 'passkey sessions password sign in account' },
  { id: 'print', visit: true, name: 'Print this page', icon: 'print', run: (c) => c.print(), words: 'paper pdf' },
  { id: 'shortcuts', visit: true, name: 'Show the keyboard shortcuts', icon: 'keys', run: (c) => c.showShortcuts(), words: 'help keys' },
  { id: 'shortcuts-off', visit: true, name: 'Turn single-key shortcuts on or off', icon: 'keys', run: (c) => c.toggleShortcuts(), words: 'speech accessibility' },
];

export function commandsOf(me: Me): Command[] {
  return commands.filter((c) => (!c.roles || hasAnyRole(me, c.roles)) && (!me.visit || c.visit));
}
