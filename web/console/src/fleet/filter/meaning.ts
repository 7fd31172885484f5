import type { PumpRow } from '../../api/types';
import { parseDigits } from '../../units/quantity';
import { parseTime } from '../../units/time';
import { type Field, type Node, type Op, parse, type Value } from './language';
import { fill, level, lowAt } from '../level';
import { fold } from './words';

export interface Group {
  readonly id: string;
  readonly site: string;
  readonly name: string;
  readonly filter: string;
}

/** What rows hold by number. */
export interface Names {
  readonly short: (site: string) => string;
  readonly name: (site: string) => string;
  readonly groups: readonly Group[];
}

export type Means = (row: PumpRow, now: number) => boolean;

const number = (n: number | null): bigint | null => (n === null ? null : BigInt(n));
const priorities = ['high', 'medium', 'low'] as const;

const texts: Record<string, (r: PumpRow) => readonly string[]> = {
  serial: (r) => [r.serial], patient: (r) => [r.patient ?? ''], label: (r) => [r.label], model: (r) => [r.model], profile: (r) => [r.profile], link: (r) => [r.link], status: (r) => [r.status],
  presence: (r) => [r.presence], alarm: (r) => priorities.filter((p) => r.alarms[p] > 0), run: (r) => [r.run ?? ''], drug: (r) => r.drugs.map((d) => d.name),
  firmware: (r) => [r.firmware ?? ''], comm_firmware: (r) => [r.firmware_comm ?? ''], library: (r) => [r.library ?? ''], sync: (r) => [r.documents ?? ''],
  lacks: (r) => r.lacks, level: (r) => [level(r)], quality: (r) => [r.link_quality ?? ''], tag: (r) => r.tags,
};

const numbers: Record<string, (r: PumpRow) => bigint | null> = {
  rate: (r) => parseDigits(r.rate_nl_day), reservoir: (r) => parseDigits(r.reservoir_nl), fill, battery: (r) => number(r.battery_pct), voltage: (r) => number(r.battery_mv),
  reconnects: (r) => BigInt(r.reconnects_24h), refused: (r) => BigInt(r.refused_24h), gaps: (r) => BigInt(r.gaps_open),
};

const times: Record<string, (r: PumpRow) => number | null> = {
  last_heard: (r) => parseTime(r.last_heard), last_data: (r) => parseTime(r.last_data), since: (r) => parseTime(r.presence_since), cert: (r) => parseTime(r.cert_ends), low_in: lowAt,
};

const haystacks = new WeakMap<PumpRow, string>();

/** The text that a filter looks through. Rows are never changed in place, so it holds for as long as the row does. */
function haystack(r: PumpRow): string {
  let text = haystacks.get(r);
  if (text === undefined) {
    text = fold([r.serial, r.patient ?? '', r.label, r.model, r.link, r.firmware ?? '', r.top_alarm?.title ?? '', ...r.tags, ...r.drugs.map((d) => d.name)].join('\n'));
    haystacks.set(r, text);
  }
  return text;
}

/** The meaning of a filter for rows. Throws an Error for a group or site that does not exist. */
export function meaning(node: Node | null, names: Names, fields: readonly Field[]): Means {
  if (node === null) return () => true;
  switch (node.t) {
    case 'and': {
      const all = node.of.map((c) => meaning(c, names, fields));
      return (r, now) => all.every((m) => m(r, now));
    }
    case 'or': {
      const all = node.of.map((c) => meaning(c, names, fields));
      return (r, now) => all.some((m) => m(r, now));
    }
    case 'not': {
      const m = meaning(node.of, names, fields);
      return (r, now) => !m(r, now);
    }
    case 'text': {
      const want = fold(node.text);
      return (r) => haystack(r).includes(want) || fold(names.short(r.site)).includes(want) || fold(names.name(r.site)).includes(want);
    }
    case 'term': {
      const all = node.values.map((v) => meaningOf(node.field, node.op, v, names, fields));
      const any: Means = all.length === 1 ? all[0]! : (r, now) => all.some((m) => m(r, now));
      return node.op === '!=' ? (r, now) => !any(r, now) : any;
    }
  }
}

function meaningOf(f: Field, op: Op, v: Value, names: Names, fields: readonly Field[]): Means {
  if (f.name === 'site') return inSite(v, names);
  if (f.name === 'group') return inGroup(v, names, fields);
  if (f.kind === 'number') {
    const get = numbers[f.name]!;
    return v.none ? (r) => get(r) === null : (r) => compare(get(r), op, v.n);
  }
  if (f.kind === 'age' || f.kind === 'left') {
    const get = times[f.name]!;
    if (v.none) return (r) => get(r) === null;
    const limit = Number(v.n) * 1000;
    return (r, now) => {
      const t = get(r);
      return t !== null && compare(f.kind === 'left' ? t - now : now - t, op, limit);
    };
  }
  const get = texts[f.name]!;
  if (v.none || (f.kind === 'choice' && v.text === 'none')) return (r) => get(r).every((s) => s === '');
  const want = fold(v.text);
  return f.kind === 'text' && op === ':' ? (r) => get(r).some((s) => fold(s).includes(want)) : (r) => get(r).some((s) => fold(s) === want);
}

function compare<T extends bigint | number>(a: T | null, op: Op, b: T): boolean {
  if (a === null) return false;
  switch (op) {
    case '<': return a < b;
    case '<=': return a <= b;
    case '>': return a > b;
    case '>=': return a >= b;
    default: return a === b;
  }
}

function inSite(v: Value, names: Names): Means {
  if (v.none) return () => false;
  const want = fold(v.text);
  return (r) => fold(names.short(r.site)) === want || fold(names.name(r.site)) === want;
}

/** In any of the groups of that name: sites may have groups of one name. */
function inGroup(v: Value, names: Names, fields: readonly Field[]): Means {
  const meant = names.groups.filter((g) => v.none || fold(g.name) === fold(v.text));
  if (meant.length === 0 && !v.none) throw new Error(`There is no group "${v.text}" at your sites.`);
  const all = meant.map((g): Means => {
    if (g.filter === '') return (r) => r.groups.includes(g.id);
    const m = meaning(parse(g.filter, fields.filter((f) => f.name !== 'group')), names, fields);
    return (r, now) => r.site === g.site && m(r, now);
  });
  return (r, now) => v.none !== all.some((m) => m(r, now));
}
