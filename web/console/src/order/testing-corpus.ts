import corpus from '../../../../device/order/testdata/vectors/orders/corpus.json';
import { hex, unhex, type Bytes } from './bytes';
import { readState, type Dose } from './content';
import { verifyTrust } from './install';
import type { Ceiling } from './numbers';
import { readKeyset, readLibrary, readRoot } from './trust';
import { verifyOrder, type Topic } from './verify';
import type { Fluid, Verdict, View } from './view';

/** The corpus that this verifier shares with the pump's, in the form that the README beside it describes. Tests only. */

type Json = Record<string, unknown>;

export interface Vector {
  readonly name: string;
  readonly group: string;
  readonly set?: Json;
  readonly topic: Topic;
  readonly retained?: boolean;
  readonly bytes: string;
  readonly code: string;
  readonly step?: number;
  readonly class?: number;
  readonly burned?: boolean;
  readonly cached?: boolean;
  readonly document?: string;
  readonly prescription?: string;
  readonly flip?: boolean;
}

const file = corpus as unknown as { readonly format: string; readonly view: Json; readonly vectors: readonly Vector[] };

export const { format, vectors } = file;

export function bytesOf(text: unknown): Bytes {
  const b = typeof text === 'string' ? unhex(text) : null;
  if (b === null) throw new Error(`the corpus has ${JSON.stringify(text)} where bytes belong`);
  return b;
}

const digits = (v: unknown): bigint => {
  if (typeof v !== 'string' || !/^\d+$/.test(v)) throw new Error(`the corpus has ${JSON.stringify(v)} where digits belong`);
  return BigInt(v);
};
const whole = (v: unknown): bigint => {
  if (!Number.isSafeInteger(v)) throw new Error(`the corpus has ${JSON.stringify(v)} where a whole number belongs`);
  return BigInt(v as number);
};
const all = (v: unknown): Json[] => (v ?? []) as Json[];
const named = (names: readonly string[], v: unknown): number => {
  const at = names.indexOf(v as string);
  if (at < 0) throw new Error(`the corpus has ${JSON.stringify(v)}, which is none of ${names.join(', ')}`);
  return at + 1;
};
const routes = ['intrathecal', 'epidural'];
const severities = ['none', 'moderate', 'severe', 'deadly'];

const dose = (j: Json): Dose => ({ volume: digits(j['volume_nl']), duration: digits(j['duration_s']) });
const ceilingOf = (j: Json): Ceiling => ({ hour: digits(j['max_1h_nl']), day: digits(j['max_24h_nl']) });

function fluid(j: Json): Fluid {
  const c = j['contents'] as Json;
  return {
    contents: {
      ingredients: all(c['ingredients']).map((i) => ({ code: whole(i['code']), concentration: digits(i['conc_ng_ml']) })), primary: Number(c['primary']), route: named(routes, c['route']),
    },
    left: digits(j['left_nl']), ceiling: ceilingOf(j['ceiling'] as Json),
  };
}

/** The pump's view for a vector. */
export async function viewOf(v: Vector): Promise<View> {
  const j: Json = { ...file.view, ...v.set };
  const at = (k: string): Json => j[k] as Json;
  const document = <T>(k: string, read: (raw: Bytes) => Promise<T>): Promise<T> | undefined => (j[k] === '' ? undefined : read(bytesOf(j[k])));
  const root = await readRoot(bytesOf(j['root']));
  const { limits, ceiling, range, reservoir, budgets, memory } = { limits: at('limits'), ceiling: at('ceiling'), range: at('range'), reservoir: at('reservoir'), budgets: at('budgets'), memory: at('memory') };
  const budget = (b: unknown) => ({ since: whole((b as Json)['since_ms']), taken: Number((b as Json)['taken']) });
  const own = memory['own_stop'] as Json | null;
  const stateBytes = bytesOf(j['state']);
  return {
    pump: bytesOf(j['pump']), serial: j['serial'] as string, site: bytesOf(j['site']), patient: bytesOf(j['patient']), root,
    keyset: await document('keyset', (b) => readKeyset(b, root.doc.demo)), library: await document('library', readLibrary), before: await document('before', readLibrary),
    stateBytes, state: readState(stateBytes), foreign: j['foreign'] as boolean,
    limits: {
      lines: all(limits['ingredients']).map((i) => ({ code: whole(i['code']), hour: digits(i['max_1h_ng']), day: digits(i['max_24h_ng']), withdrawal: named(severities, i['withdrawal']) })),
      rate: limits['max_rate_nl_day'] === undefined ? 0n : digits(limits['max_rate_nl_day']),
      lockout: limits['ptm_min_lockout_s'] === undefined ? 0n : digits(limits['ptm_min_lockout_s']),
      most: limits['ptm_max_24h'] === undefined ? 0n : whole(limits['ptm_max_24h']),
    },
    ceiling: ceilingOf(ceiling),
    device: {
      modes: new Set(range['modes'] as string[]), leastRate: digits(range['min_rate_nl_day']), highestRate: digits(range['max_rate_nl_day']), idleRate: digits(range['idle_rate_nl_day']),
      zero: range['zero'] as boolean, resolution: digits(range['resolution_nl']), largestBolus: digits(range['max_bolus_nl']), largestPriming: digits(range['max_prime_nl']),
      segmentsPerDay: range['segments_per_day'] as number, patientMost: whole(range['ptm_max_24h']), patientLockout: digits(range['ptm_min_lockout_s']),
      capacity: digits(reservoir['capacity_nl']), lowLeast: digits(reservoir['low_min_nl']), lowMost: digits(reservoir['low_max_nl']),
    },
    hour: digits(j['hour_nl']), day: digits(j['day_nl']), volume: digits(j['volume_nl']), fill: digits(j['fill_nl']), path: all(j['path']).map(fluid), bridge: j['bridge'] === null ? undefined : dose(j['bridge'] as Json), busy: j['busy'] as number,
    faults: j['faults'] as string[], now: whole(j['now']), trusted: j['trusted'] as boolean, run: whole(j['run_ms']), mono: whole(j['mono_ms']),
    windows: all(j['windows']).map((w) => ({ nonce: bytesOf(w['nonce']), born: whole(w['born_ms']) })),
    budgets: { orders: budget(budgets['orders']), stops: budget(budgets['stops']) },
    memory: {
      counter: whole(memory['counter']), stops: whole(memory['stops']), answers: all(memory['answers']).map((a) => ({ hash: bytesOf(a['hash']), code: a['code'] as string })),
      withdrawn: all(memory['withdrawn']).map((w) => ({ prescription: bytesOf(w['prescription']), gen: whole(w['gen']) })),
      boluses: all(memory['boluses']).map((b) => ({ prescription: bytesOf(b['prescription']), window: bytesOf(b['window']) })),
      ordered: all(memory['ordered']).map((o) => ({ code: whole(o['code']), route: named(routes, o['route']) })),
      stopTimes: ((memory['stop_times_ms'] ?? []) as unknown[]).map(whole),
      ownStop: own === null ? null : { person: own['person'] as string, run: whole(own['run_ms']), gen: whole(own['gen']) },
      applied: ((memory['applied'] ?? []) as unknown[]).map(bytesOf), keysetTaken: whole(memory['keyset_ms']),
    },
  };
}

export function answer(view: View, v: Pick<Vector, 'topic' | 'retained'>, raw: Uint8Array): Promise<Verdict> {
  return v.topic === 'dn/order' || v.topic === 'dn/stop' ? verifyOrder(view, v.topic, raw, v.retained) : verifyTrust(view, v.topic, raw);
}

/** What a vector says of the answer, and what this verifier says, member by member. */
export function expected(v: Vector) {
  return {
    code: v.code, step: v.step ?? 0, class: v.class ?? 0, burned: v.burned ?? false, cached: v.cached ?? false, document: v.document ?? '', prescription: v.prescription ?? '',
  };
}

export function got(w: Verdict): ReturnType<typeof expected> {
  const name = (b: Bytes | undefined): string => (b ? hex(b) : '');
  return { code: w.code, step: w.step, class: w.class, burned: w.burned, cached: w.cached, document: name(w.document), prescription: name(w.prescription) };
}

export function vector(group: string, name: string): Vector {
  const v = vectors.find((x) => x.group === group && x.name === name);
  if (!v) throw new Error(`the corpus has no vector ${group}: ${name}`);
  return v;
}
