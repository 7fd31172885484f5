import type { PumpRow } from '../api/types';
import type { Field } from './filter/language';
import { writeValue } from './filter/words';
import type { Group } from './filter/meaning';
import { natural } from './natural';

/** Something that may stand where the caret is. */
export interface Suggestion {
  /** The text before the caret, with it. */
  readonly text: string;
  readonly label: string;
  readonly hint: string;
}

const MOST = 8;

/** What may come next in a filter: fields by their beginning, and the values of a field behind its operator. */
export function suggest(before: string, fields: readonly Field[], rows: Iterable<PumpRow>, groups: readonly Group[], short: (site: string) => string): Suggestion[] {
  const word = /(?:^|[\s(])([a-z_]*)$/.exec(before);
  if (word && word[1] !== '') {
    const start = before.slice(0, before.length - word[1]!.length);
    return fields.filter((f) => f.name.startsWith(word[1]!)).slice(0, MOST).map((f) => {
      const op = f.kind === 'number' || f.kind === 'left' ? '<' : f.kind === 'age' ? '>' : ':';
      return { text: `${start}${f.name}${op}`, label: `${f.name}${op}`, hint: f.doc };
    });
  }
  const value = /(?:^|[\s(])([a-z_]+)(:|=|!=)((?:[^\s,()"]+,)*)([^\s,()"]*)$/.exec(before);
  const field = value && fields.find((f) => f.name === value[1]);
  if (!value || !field) return [];
  const typed = value[4]!.toLowerCase();
  const start = before.slice(0, before.length - value[4]!.length);
  return values(field, rows, groups, short)
    .filter((v) => v.toLowerCase().startsWith(typed) && v.toLowerCase() !== typed).slice(0, MOST)
    .map((v) => ({ text: start + (v === 'none' ? v : writeValue(v)), label: v, hint: '' }));
}

function values(f: Field, rows: Iterable<PumpRow>, groups: readonly Group[], short: (site: string) => string): readonly string[] {
  if (f.kind === 'choice') return f.values;
  const found = new Set<string>();
  if (f.name === 'group') for (const g of groups) found.add(g.name);
  else {
    for (const r of rows) {
      switch (f.name) {
        case 'site': found.add(short(r.site)); break;
        case 'model': found.add(r.model); break;
        case 'profile': found.add(r.profile); break;
        case 'firmware': if (r.firmware) found.add(r.firmware); break;
        case 'library': if (r.library) found.add(r.library); break;
        case 'drug': for (const d of r.drugs) found.add(d.name); break;
        case 'tag': for (const t of r.tags) found.add(t); break;
        default: return ['none'];
      }
    }
  }
  return [...found].toSorted(natural).concat('none');
}
