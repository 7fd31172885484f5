import type { Role } from '../api/types';

/** A document of the repository. Each is a part of its own that is loaded when somebody reads it. */
export interface Doc {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  /** Whom it is offered first; everybody may read all of them. */
  readonly roles: readonly Role[];
}

const known: readonly Doc[] = [
  { name: 'guide-engineer', title: 'Guide: biomedical engineer', about: 'A day with the fleet.', roles: ['engineer'] },
  { name: 'guide-prescriber', title: 'Guide: prescriber', about: 'Propose, sign, follow, stop.', roles: ['prescriber'] },
  { name: 'guide-verifier', title: 'Guide: verifier', about: 'Check what nobody has shown you.', roles: ['verifier', 'pharmacist'] },
  { name: 'guide-nurse', title: 'Guide: refill nurse', about: 'At the bedside.', roles: ['nurse'] },
  { name: 'guide-pharmacist', title: 'Guide: pharmacist', about: 'The drug library, and what it stopped.', roles: ['pharmacist'] },
  { name: 'guide-auditor', title: 'Guide: auditor', about: 'Verify, export, ask.', roles: ['auditor'] },
  { name: 'guide-administrator', title: 'Guide: administrator', about: 'People, codes and keys.', roles: ['admin'] },
  { name: 'signing-in', title: 'Signing in', about: 'Passkeys, one-time codes, and what happens when a key is lost.', roles: ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist', 'auditor', 'admin'] },
  { name: 'permissions', title: 'Who may do what', about: 'Every act, and the roles that may do it.', roles: ['admin', 'auditor'] },
  { name: 'orders', title: 'Orders', about: 'From a proposal to the pump’s signed answer.', roles: ['prescriber', 'verifier', 'nurse', 'pharmacist'] },
  { name: 'devices', title: 'Devices', about: 'Pumps, communicators, claim slips, recalls and maintenance.', roles: ['engineer', 'nurse'] },
  { name: 'operating', title: 'Operating the server', about: 'Installing, backing up, restoring, growing.', roles: ['engineer', 'admin'] },
  { name: 'security', title: 'Security', about: 'What is protected against whom, and what is not.', roles: ['auditor', 'admin', 'engineer'] },
  { name: 'cli', title: 'The command line', about: 'The same questions from a terminal or a script.', roles: ['engineer'] },
  { name: 'protocol', title: 'The link', about: 'What pumps and the server say to each other.', roles: ['engineer'] },
  { name: 'emulator', title: 'The emulator', about: 'Pumps to try things with, and faults to give them.', roles: ['engineer'] },
];

/** All but the pages for whoever changes the product. */
const sources = import.meta.glob<string>(['../../../../docs/*.md', '!../../../../docs/contributing.md', '!../../../../docs/console.md'], { query: '?raw', import: 'default' });

const nameOf = (file: string) => file.replace(/^.*\//, '').replace(/\.md$/, '');

/** A document that nobody has described here is offered under its own name. */
const others = Object.keys(sources).map(nameOf).filter((n) => !known.some((d) => d.name === n)).toSorted();

export const docs: readonly Doc[] = [...known, ...others.map((name) => ({ name, title: (name.charAt(0).toUpperCase() + name.slice(1)).replaceAll('-', ' '), about: '', roles: [] }))];

/** The text of a document; null if there is none of that name. */
export async function readDoc(name: string): Promise<string | null> {
  const file = Object.keys(sources).find((f) => nameOf(f) === name);
  return file ? sources[file]!() : null;
}

/** Where a link in a document leads: another document, a place in this one, the open web, or nowhere that a console has. */
export function target(to: string): { doc: string; hash?: string } | { hash: string } | { href: string } | null {
  if (/^https?:\/\//.test(to)) return { href: to };
  if (to.startsWith('#')) return { hash: to.slice(1) };
  const m = /^(?:\.\/)?([a-z-]+)\.md(?:#(.+))?$/.exec(to);
  if (!m || !docs.some((d) => d.name === m[1])) return null;
  return m[2] ? { doc: m[1]!, hash: m[2] } : { doc: m[1]! };
}
