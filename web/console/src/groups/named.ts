import { fold, writeValue } from '../fleet/filter/words';

const ASKED = /(?:^|[\s(])group(?::|=|!=)((?:"(?:[^"\\]|\\.)*"|[^\s()"])+)/g;
const VALUE = /"(?:[^"\\]|\\.)*"|[^,"]+/g;

/** Whether a filter, in the canonical form in which it is kept, asks for the group of a name. */
export function named(filter: string, group: string): boolean {
  const want = fold(writeValue(group));
  return [...fold(filter).matchAll(ASKED)].some((m) => [...m[1]!.matchAll(VALUE)].some((v) => v[0] === want));
}
