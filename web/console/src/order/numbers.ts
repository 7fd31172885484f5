import { Mode, type Contents, type Dose, type PatientBolus, type Program, type Segment } from './content';
import type { Check } from './documents';
import { byNumber, DAY } from './fields';

/** The numbers of docs/protocol.md section 3, exactly: every division says how it rounds. */

export const floorDiv = (a: bigint, b: bigint): bigint => a / b - (a % b !== 0n && (a < 0n) !== (b < 0n) ? 1n : 0n);
export const ceilDiv = (a: bigint, b: bigint): bigint => -floorDiv(-a, b);
/** Rounds half up. */
export const nearestDiv = (a: bigint, b: bigint): bigint => floorDiv(2n * a + b, 2n * b);

const NL_NG = 1_000_000n;

export type Div = (a: bigint, b: bigint) => bigint;

/** mass(v, c) = v × c ÷ 10⁶: ng in so many nL of so many ng/mL. */
export const mass = (volume: bigint, concentration: bigint, div: Div): bigint => div(volume * concentration, NL_NG);

export const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** What is infused on an average day, in nL. */
export function meanDay(p: Program): bigint {
  if (p.mode === Mode.stopped || p.mode === Mode.minimum) return 0n;
  const sum = p.segments.reduce((n, s) => n + s.volume, 0n);
  return nearestDiv(sum * (p.mode === Mode.single ? min(DAY, p.cycle) : DAY), p.cycle);
}

/** What a repeating program has delivered t seconds after its start, in nL. */
function delivered(p: Program, t: bigint, div: Div): bigint {
  const cycles = t / p.cycle;
  const rest = t % p.cycle;
  let n = cycles * p.segments.reduce((sum, s) => sum + s.volume, 0n);
  for (const s of p.segments) {
    if (rest >= s.offset + s.duration) n += s.volume;
    else if (rest > s.offset) n += div(s.volume * (rest - s.offset), s.duration);
  }
  return n;
}

function worstOfPatient(b: PatientBolus, w: bigint): bigint {
  let n = (w / b.lockout) * b.volume + ceilDiv(b.volume * min(w % b.lockout, b.duration), b.duration);
  if (w <= DAY) n = min(n, b.volume * b.most);
  if (b.window > 0n) n = min(n, b.volume * b.mostInWindow * ceilDiv(w, b.window));
  return n;
}

/** The most that any w seconds of the program can infuse, in nL; idleRate is the device's, in nL/day. */
export function worst(p: Program, w: bigint, idleRate: bigint): bigint {
  const idle = ceilDiv(idleRate * w, DAY);
  let n = 0n;
  if (p.mode === Mode.minimum) n = idle;
  else if (p.mode === Mode.single) n = partOf(p.segments[0]!, w) + (p.after === 2 ? idle : 0n);
  else if (p.mode !== Mode.stopped) {
    for (const s of p.segments) {
      for (const t of [s.offset, (((s.offset - w) % p.cycle) + p.cycle) % p.cycle]) n = max(n, delivered(p, t + w, ceilDiv) - delivered(p, t, floorDiv));
    }
  }
  return p.patient === undefined ? n : n + worstOfPatient(p.patient, w);
}

/** The most of a dose that w seconds can hold. */
export const partOf = (d: Dose, w: bigint): bigint => ceilDiv(d.volume * min(w, d.duration), d.duration);

/** The rate of a dose or segment in nL/day. */
export const rateOf = (d: Dose | Segment, div: Div): bigint => div(d.volume * DAY, d.duration);

export const fastest = (p: Program): bigint => p.segments.reduce((n, s) => max(n, rateOf(s, ceilDiv)), 0n);

export interface Figure {
  readonly code: bigint;
  readonly day: bigint;
  readonly worst: bigint;
}

/** Per ingredient, in ng: the mean day and the worst day. */
export function figures(p: Program, c: Contents, idleRate: bigint): Figure[] {
  const day = meanDay(p);
  const most = worst(p, DAY, idleRate);
  return c.ingredients.map((i) => ({ code: i.code, day: mass(day, i.concentration, nearestDiv), worst: mass(most, i.concentration, ceilDiv) }));
}

export interface Checked {
  readonly contents: Contents;
  readonly program?: Program | undefined;
  readonly once?: Dose | undefined;
  readonly bridge?: Dose | undefined;
  /** What the bridge pushes out, from the tip on. */
  readonly old: readonly Contents[];
}

/** The check numbers that an order must carry. */
export function checkNumbers(of: Checked, idleRate: bigint): Check[] {
  const codes = new Set(of.contents.ingredients.map((i) => i.code));
  if (of.bridge) for (const c of of.old) for (const i of c.ingredients) codes.add(i.code);
  const figured = of.program ? figures(of.program, of.contents, idleRate) : [];
  const concentration = (c: Contents, code: bigint): bigint => c.ingredients.find((i) => i.code === code)?.concentration ?? 0n;
  return [...codes].toSorted(byNumber).map((code) => {
    const f = figured.find((x) => x.code === code);
    return {
      code, day: f?.day ?? 0n, worst: f?.worst ?? 0n,
      once: of.once ? mass(of.once.volume, concentration(of.contents, code), nearestDiv) : 0n,
      bridge: of.bridge ? mass(of.bridge.volume, of.old.reduce((most, c) => max(most, concentration(c, code)), 0n), nearestDiv) : 0n,
    };
  });
}

export function sameChecks(a: readonly Check[], b: readonly Check[]): boolean {
  return a.length === b.length && a.every((x, i) => {
    const y = b[i]!;
    return x.code === y.code && x.day === y.day && x.worst === y.worst && x.once === y.once && x.bridge === y.bridge;
  });
}

export interface Ceiling {
  readonly hour: bigint;
  readonly day: bigint;
}
