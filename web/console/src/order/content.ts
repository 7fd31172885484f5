import { hashIn, type Bytes } from './bytes';
import { decode, type Value } from './cbor';
import {
  byNumber, choice, count, DAY, drugCode, Fields, items, list, MAX_CONCENTRATION, MAX_VOLUME, number, quantity, rising, text, WEEK, YEAR,
} from './fields';
import { must, refuse } from './refusal';

/** What a pump infuses, of docs/protocol.md section 3: contents, programs, doses, limits, and the state that they make. */

/** Volumes in nL, masses in ng, concentrations in ng/mL, rates in nL/day, durations in s: all bigint. */
export interface Ingredient {
  readonly code: bigint;
  readonly concentration: bigint;
}

export interface Contents {
  readonly ingredients: readonly Ingredient[];
  readonly primary: number;
  /** 1 intrathecal, 2 epidural, 0 never filled. */
  readonly route: number;
}

export const Mode = { stopped: 1, minimum: 2, continuous: 3, flexDay: 4, flexWeek: 5, periodic: 6, single: 7 } as const;

export interface Segment {
  readonly offset: bigint;
  readonly duration: bigint;
  readonly volume: bigint;
}

export interface PatientBolus {
  readonly volume: bigint;
  readonly duration: bigint;
  readonly lockout: bigint;
  readonly most: bigint;
  readonly window: bigint;
  readonly mostInWindow: bigint;
  readonly validFor: bigint;
}

export interface Program {
  readonly mode: number;
  readonly cycle: bigint;
  readonly segments: readonly Segment[];
  readonly patient: PatientBolus | undefined;
  /** What follows a single bolus: 1 stopped, 2 minimum; 0 for all other programs. */
  readonly after: number;
}

export interface Dose {
  readonly volume: bigint;
  readonly duration: bigint;
}

export interface LimitLine {
  readonly code: bigint;
  readonly hour: bigint;
  readonly day: bigint;
  readonly withdrawal: number;
}

/** Zero is no limit of the order's own, except in the lines. */
export interface Limits {
  readonly lines: readonly LimitLine[];
  readonly rate: bigint;
  readonly lockout: bigint;
  readonly most: bigint;
}

export interface AlarmSettings {
  readonly low: bigint;
  readonly denied: bigint;
}

export interface State {
  readonly epoch: bigint;
  readonly gen: bigint;
  /** 1 infusing, 2 minimum, 3 stopped. */
  readonly run: number;
  readonly program: Program;
  readonly contents: Contents;
  readonly alarms: AlarmSettings;
  readonly firmware: string;
}

const ingredient = (v: Value): Ingredient => {
  const [code, concentration] = items(v, 2);
  return { code: drugCode(code!), concentration: number(1n, MAX_CONCENTRATION)(concentration!) };
};

export function readContents(v: Value): Contents {
  const f = new Fields(v);
  const ingredients = f.need(1, list(ingredient, 1, 6));
  const primary = f.need(2, choice(0, ingredients.length - 1));
  const route = f.need(3, choice(1, 2));
  f.done();
  rising(ingredients, (a, b) => byNumber(a.code, b.code), 'ingredients');
  return { ingredients, primary, route };
}

/** Contents of a state, which may say that the pump was never filled. */
function readStateContents(v: Value): Contents {
  const f = new Fields(v);
  if (f.need(1, list(ingredient)).length > 0) return readContents(v);
  f.need(2, choice(0, 0));
  f.need(3, choice(0, 0));
  f.done();
  return { ingredients: [], primary: 0, route: 0 };
}

const segment = (v: Value): Segment => {
  const [offset, duration, volume] = items(v, 3);
  return { offset: quantity(offset!), duration: number(1n, YEAR)(duration!), volume: number(0n, MAX_VOLUME)(volume!) };
};

function readPatientBolus(v: Value): PatientBolus {
  const f = new Fields(v);
  const p: PatientBolus = {
    volume: f.need(1, number(1n, MAX_VOLUME)),
    duration: f.need(2, number(1n, DAY)),
    lockout: f.need(3, number(1n, WEEK)),
    most: f.need(4, number(1n, 48n)),
    window: f.maybe(5, number(1n, DAY)) ?? 0n,
    mostInWindow: f.maybe(6, number(1n, 48n)) ?? 0n,
    validFor: f.maybe(7, number(1n, YEAR)) ?? 0n,
  };
  f.done();
  must(p.duration <= p.lockout, 'E_FORMAT', 'a lockout shorter than the bolus');
  must((p.window === 0n) === (p.mostInWindow === 0n), 'E_FORMAT', 'half a window');
  must(p.mostInWindow <= p.most, 'E_FORMAT', 'more in a window than in a day');
  return p;
}

// Of each mode: least and most segments, and the cycle if there is only one.
const forms: Record<number, { least: number; most: number; cycle?: bigint }> = {
  [Mode.stopped]: { least: 0, most: 0, cycle: 0n },
  [Mode.minimum]: { least: 0, most: 0, cycle: 0n },
  [Mode.continuous]: { least: 1, most: 1, cycle: DAY },
  [Mode.flexDay]: { least: 1, most: 48, cycle: DAY },
  [Mode.flexWeek]: { least: 1, most: 128, cycle: WEEK },
  [Mode.periodic]: { least: 2, most: 2 },
  [Mode.single]: { least: 1, most: 1 },
};

/** The most segments that begin on one day of the cycle. */
export function segmentsOnOneDay(p: Program): number {
  const days = new Map<bigint, number>();
  for (const s of p.segments) days.set(s.offset / DAY, (days.get(s.offset / DAY) ?? 0) + 1);
  return Math.max(0, ...days.values());
}

export function readProgram(v: Value): Program {
  const f = new Fields(v);
  const p: Program = {
    mode: f.need(1, choice(1, 7)),
    cycle: f.need(2, number(0n, YEAR)),
    segments: f.need(3, list(segment, 0, 128)),
    patient: f.maybe(4, readPatientBolus),
    after: f.maybe(5, choice(1, 2)) ?? 0,
  };
  f.done();
  const form = forms[p.mode]!;
  must(p.segments.length >= form.least && p.segments.length <= form.most, 'E_FORMAT', 'segments of another mode');
  must(form.cycle === undefined ? p.cycle > 0n : p.cycle === form.cycle, 'E_FORMAT', 'a cycle of another mode');
  let end = 0n;
  for (const s of p.segments) {
    must(s.offset === end, 'E_FORMAT', 'segments that leave a gap or overlap');
    end += s.duration;
  }
  must(p.segments.length === 0 || end === p.cycle, 'E_FORMAT', 'segments that do not end with the cycle');
  must(segmentsOnOneDay(p) <= 48, 'E_FORMAT', 'more than 48 segments on a day');
  must((p.mode === Mode.single) === (p.after !== 0), 'E_FORMAT', 'what follows, without a single bolus, or the other way round');
  must(p.patient === undefined || (p.mode !== Mode.stopped && p.mode !== Mode.single), 'E_FORMAT', 'patient boluses with a program that has none');
  return p;
}

export function readDose(v: Value): Dose {
  const f = new Fields(v);
  const d = { volume: f.need(1, number(1n, MAX_VOLUME)), duration: f.need(2, number(1n, YEAR)) };
  f.done();
  return d;
}

const limitLine = (v: Value): LimitLine => {
  const [code, hour, day, withdrawal] = items(v, 4);
  const l = { code: drugCode(code!), hour: quantity(hour!), day: quantity(day!), withdrawal: choice(1, 4)(withdrawal!) };
  return l.hour > 0n && l.hour <= l.day ? l : refuse('E_FORMAT', 'an hour above the day, or of nothing');
};

export function readLimits(v: Value): Limits {
  const f = new Fields(v);
  const l: Limits = {
    lines: f.need(1, list(limitLine, 0, 6)),
    rate: f.maybe(2, quantity) ?? 0n,
    lockout: f.maybe(3, number(1n, WEEK)) ?? 0n,
    most: f.maybe(4, quantity) ?? 0n,
  };
  f.done();
  rising(l.lines, (a, b) => byNumber(a.code, b.code), 'limits');
  return l;
}

export function readAlarmSettings(v: Value): AlarmSettings {
  const f = new Fields(v);
  const a = { low: f.need(1, number(0n, MAX_VOLUME)), denied: f.need(2, number(0n, 31n)) };
  f.done();
  return a;
}

/** Reads a state, as a pump signs it into its hello. */
export function readState(bytes: Uint8Array): State {
  const f = new Fields(decode(bytes, { depth: 6, items: 512 }));
  const s: State = {
    epoch: f.need(1, count), gen: f.need(2, count), run: f.need(3, choice(1, 3)), program: f.need(4, readProgram),
    contents: f.need(5, readStateContents), alarms: f.need(6, readAlarmSettings), firmware: f.need(7, text()),
  };
  f.done();
  return s;
}

export const stateHash = (bytes: Uint8Array): Promise<Bytes> => hashIn('pump.state.v1', bytes);

export const hasTherapy = (s: State): boolean => s.program.segments.length > 0 && s.contents.ingredients.length > 0;

export function sameContents(a: Contents, b: Contents): boolean {
  return a.primary === b.primary && a.route === b.route && a.ingredients.length === b.ingredients.length
    && a.ingredients.every((x, i) => x.code === b.ingredients[i]!.code && x.concentration === b.ingredients[i]!.concentration);
}

