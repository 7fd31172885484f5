import type { TimelineBy, TimelineGroup, TimelineItem } from '../api/types';
import { eventTitle, knownEvent } from '../units/plain';

/** What a timeline can be narrowed to, in the order of the screen, and the words for it. */
export const groupWord: Record<TimelineGroup, string> = { orders: 'Orders', boluses: 'Boluses', alarms: 'Alarms', refills: 'Refills', device: 'Device', link: 'Link', people: 'People' };
export const byWord: Record<TimelineBy, string> = { person: 'By people', pump: 'By the pump', system: 'By the server' };
export const timelineGroups = Object.keys(groupWord) as TimelineGroup[];
export const timelineBys = Object.keys(byWord) as TimelineBy[];

/** What one entry is about. */
export const groupOne: Record<TimelineGroup, string> = { orders: 'Order', boluses: 'Bolus', alarms: 'Alarm', refills: 'Refill', device: 'Device', link: 'Link', people: 'People' };

/** The part of the address that narrows a timeline; none of a list is all of it. */
export interface Narrowed {
  groups?: TimelineGroup[] | undefined;
  by?: TimelineBy[] | undefined;
}

/** A list with one taken in or out. All of it is the same as no choice. */
export function toggled<T>(all: readonly T[], now: readonly T[] | undefined, one: T): T[] | undefined {
  const next = new Set(now ?? []);
  if (!next.delete(one)) next.add(one);
  return next.size === 0 || next.size === all.length ? undefined : all.filter((x) => next.has(x));
}

/** What is chosen, as the middle of a sentence: "orders or refills, by people". */
export function narrowedTo({ groups, by }: Narrowed): string {
  const list = (words: string[]) => (words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`);
  const lower = (words: string[]) => words.map((w) => w.toLowerCase());
  return [groups && list(lower(groups.map((g) => groupWord[g]))), by && list(lower(by.map((b) => byWord[b])))].filter(Boolean).join(', ');
}

/** What an entry says in words, and the code beside it where people look it up or say it on the phone: of alarms, refusals, and of what is not known here. */
export function told(item: TimelineItem): { title: string; code: string | null } {
  const title = item.kind === 'event' ? eventTitle(item.code, item.title) : item.title;
  const spoken = item.kind === 'alarm' || item.kind === 'refusal' || (item.kind === 'event' && !knownEvent(item.code));
  return { title, code: spoken && item.code !== '' && item.code.toLowerCase() !== title.toLowerCase() ? item.code : null };
}
