import type { OrderLetter } from '../api/orders';
import type { TimelineItem } from '../api/types';
import { parseTime } from '../units/time';

/** Something that happened to a pump and explains what its charts show from then on. */
export interface Mark {
  readonly id: string;
  /** In ms, by the server's clock. */
  readonly at: number;
  readonly kind: 'dose' | 'firmware';
  /** What stands beside its sign where there is room for a word. */
  readonly short: string;
  readonly text: string;
  /** The order that it tells of. */
  readonly order: string | null;
}

/** What the pump's own answers say that it applied, at the moment of the answer: sent is not applied. */
export function dosesOf(letters: readonly OrderLetter[]): Mark[] {
  return letters.flatMap((l): Mark[] => {
    const at = parseTime(l.answered_at);
    if (at === null || l.state !== 'applied') return [];
    if (l.kind === 'stop') return [{ id: `letter-${l.id}`, at, kind: 'dose', short: 'stop', text: 'Stop applied', order: null }];
    if (l.kind !== 'release' || l.order === null) return [];
    return [{ id: `letter-${l.id}`, at, kind: 'dose', short: l.order, text: `Order ${l.order} applied`, order: l.order }];
  });
}

const partWord = { pump: 'Pump', communicator: 'Communicator' } as const;

/** Other versions than were reported before, at the hello that reported them. */
export function firmwareOf(items: readonly TimelineItem[]): Mark[] {
  return items.flatMap((i) => (i.firmware ?? []).map((c): Mark => ({
    id: `${i.id}-${c.part}`, at: parseTime(i.at) ?? 0, kind: 'firmware', short: c.is, text: `${partWord[c.part]} firmware ${c.is}, was ${c.was}`, order: null,
  })));
}

/** Marks of one lane that stand at one place, with a word on the side where there is room for it. */
export interface Placed {
  readonly left: number;
  readonly marks: readonly Mark[];
  readonly word: string;
  readonly side: 'right' | 'left' | null;
}

/** A sign with the air around it, and a letter of a word, in px. */
const SIGN = 14;
const LETTER = 7.5;

/** Puts marks on a lane of a width in px: those too near to be told apart are one, with their number for a word. */
export function placed(marks: readonly Mark[], from: number, to: number, width: number): Placed[] {
  const groups: { left: number; marks: Mark[] }[] = [];
  for (const m of marks.toSorted((a, b) => a.at - b.at)) {
    const left = ((m.at - from) / (to - from)) * width;
    const last = groups.at(-1);
    if (last && left - last.left < SIGN) last.marks.push(m);
    else groups.push({ left, marks: [m] });
  }
  let taken = 0;
  return groups.map((g, i) => {
    const word = g.marks.length === 1 ? g.marks[0]!.short : `${g.marks.length} ×`;
    const needs = SIGN + word.length * LETTER;
    const right = (groups[i + 1]?.left ?? width) - SIGN / 2;
    const side = g.left + needs <= right ? 'right' : g.left - needs >= taken ? 'left' : null;
    taken = g.left + (side === 'right' ? needs : SIGN / 2);
    return { ...g, word, side };
  });
}
