import type { Group } from '../api/fleet';
import type { Order } from '../api/orders';
import type { Person, PumpRow } from '../api/types';
import { actWord, stateWord } from '../orders/words';
import { roleWord } from '../session/session';
import type { IconName } from '../ui/Icon';

/** One line of the palette. */
export interface Choice {
  readonly id: string;
  readonly group: string;
  readonly name: string;
  readonly icon?: IconName | undefined;
  readonly hint?: string | undefined;
  readonly keys?: string | undefined;
  /** Found by these too. */
  readonly words?: string | undefined;
  readonly mono?: boolean;
  readonly run: () => void;
}

const wordsOf = (text: string) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** How well a name answers: 0 it begins so, 1 a word of it does, 2 it contains it, 3 only the further words do; null not at all. */
function rank(name: string, further: string, wanted: readonly string[]): number | null {
  const n = name.toLowerCase();
  const all = `${n} ${further.toLowerCase()}`;
  if (!wanted.every((w) => all.includes(w))) return null;
  const [first] = wanted;
  if (first === undefined || n.startsWith(first)) return 0;
  if (n.split(/[\s-]+/).some((w) => w.startsWith(first))) return 1;
  return n.includes(first) ? 2 : 3;
}

/** Those that have all words of the text, in the order of their groups, the best of each group first. */
export function findChoices(all: readonly Choice[], text: string): Choice[] {
  const wanted = wordsOf(text);
  const order = [...new Set(all.map((c) => c.group))];
  return all
    .map((c) => ({ c, r: rank(c.name, `${c.words ?? ''} ${c.hint ?? ''}`, wanted) }))
    .filter((x): x is { c: Choice; r: number } => x.r !== null)
    .toSorted((a, b) => order.indexOf(a.c.group) - order.indexOf(b.c.group) || a.r - b.r)
    .map((x) => x.c);
}

const MOST = 8;

/** The pumps that a text means, at most eight: by serial, patient, label, link. Without a text none, for there would be no end of them. */
export function pumpChoices(rows: Iterable<PumpRow>, text: string, site: (id: string) => string, open: (id: string) => void): Choice[] {
  const wanted = wordsOf(text);
  if (wanted.length === 0) return [];
  const found: { row: PumpRow; r: number }[] = [];
  for (const row of rows) {
    const r = rank(row.serial, `${row.patient ?? ''} ${row.label} ${row.link} ${row.model} ${site(row.site)}`, wanted);
    if (r !== null) found.push({ row, r });
  }
  return found
    .toSorted((a, b) => a.r - b.r || (a.row.serial < b.row.serial ? -1 : 1))
    .slice(0, MOST)
    .map(({ row }) => ({ id: `pump ${row.id}`, group: 'Pumps', name: row.serial, mono: true, hint: [row.patient && `patient ${row.patient}`, row.label, row.model, site(row.site)].filter(Boolean).join(' · '), icon: 'device', run: () => open(row.id) }));
}

/** The open orders that a text means, at most eight: by number, act, pump and who proposed them. */
export function orderChoices(orders: readonly Order[], text: string, site: (id: string) => string, open: (id: string) => void): Choice[] {
  if (wordsOf(text).length === 0) return [];
  const all = orders.map((o): Choice => ({
    id: `order ${o.id}`, group: 'Open orders', name: `Order ${o.id}`, icon: 'orders', hint: [actWord[o.act] ?? 'Draft', o.document?.serial, stateWord[o.state], site(o.site)].filter(Boolean).join(' · '), words: o.proposer.name, run: () => open(o.id),
  }));
  return findChoices(all, text).slice(0, MOST);
}

/** The groups of pumps that a text means, at most eight: by name and note. */
export function groupChoices(groups: readonly Group[], text: string, site: (id: string) => string, open: (group: Group) => void): Choice[] {
  if (wordsOf(text).length === 0) return [];
  const all = groups.map((g): Choice => ({ id: `group ${g.id}`, group: 'Groups of pumps', name: g.name, icon: 'fleet', hint: [site(g.site), g.filter === '' ? 'by hand' : 'by a filter'].filter(Boolean).join(' · '), words: g.note, run: () => open(g) }));
  return findChoices(all, text).slice(0, MOST);
}

/** People as the server found them, in its order: who they are, and that an account is shut. */
export function personChoices(people: readonly Person[], open: (id: string) => void): Choice[] {
  return people.map((p) => {
    const roles = [...new Set(p.roles.map((r) => `${roleWord[r.role] ?? r.role}, ${r.site_short}`))];
    return { id: `person ${p.id}`, group: 'People', name: p.name, icon: 'person', hint: [p.login, roles.join('; '), p.state === 'disabled' && 'account shut'].filter(Boolean).join(' · '), run: () => open(p.id) };
  });
}
