import { same } from './bytes';
import { hasTherapy, Mode, sameContents, segmentsOnOneDay, type Contents, type Dose, type Limits, type Program, type Segment } from './content';
import { Act, type Approval, type Branch, type Prescription, type Release, type Visit } from './documents';
import { DAY, HOUR } from './fields';
import {
  ceilDiv, checkNumbers, fastest, figures, floorDiv, mass, max, meanDay, min, nearestDiv, partOf, rateOf, sameChecks, worst, type Checked, type Figure,
} from './numbers';
import { ceilingOf, left, MAX_PATH, pushed, risesFrom } from './path';
import { must, refuse } from './refusal';
import { covers, drugOf, limitOf, mixtureOf, quorumMet, readKeyset, type DrugLimit, type Keyset, type Library } from './trust';
import type { View } from './view';

/** Steps 17 to 19 of docs/protocol.md section 6: what is in the reservoir, the numbers, and every limit. */

export interface Aim {
  readonly contents: Contents;
  readonly limits: Limits;
  readonly program: Program;
  readonly prime?: Dose | undefined;
  readonly bridge?: Dose | undefined;
}

/** What the checks found out on their way, for the class of people and the condition. */
export interface Findings {
  /** Contents whose ingredients must have been ordered before. */
  readonly contents: Contents[];
  softStep: boolean;
  /** What is ordered, or the released branch of it, gives more of something. */
  increase: boolean;
}

/** Runs a numbered step; the caller keeps the number for the verdict. */
export type At = (step: number) => void;

interface Setting {
  readonly view: View;
  readonly p: Prescription;
  readonly library: Library;
  readonly was: readonly Figure[];
  readonly found: Findings;
}

const flagged = (s: Setting, code: number): boolean => s.p.flags.some((f) => f.code === code);
const codes = (c: Contents): bigint[] => c.ingredients.map((i) => i.code);

/** Checks an order by its act; refuses by throwing. A visit without its release is checked as planned, without measured volumes. */
export async function checkOrder(view: View, p: Prescription, r: Release | undefined, at: At): Promise<Findings> {
  const found: Findings = { contents: [], softStep: false, increase: false };
  at(17);
  if (p.act === Act.transfer) await checkTransfer(view, p);
  if (p.act === Act.alarms) {
    at(19);
    must(p.alarms!.low >= view.device.lowLeast && p.alarms!.low <= view.device.lowMost, 'E_LIMIT', 'a low-reservoir alarm outside of the device');
  }
  if (p.library === undefined) return found;
  const library = libraryOf(view, p);
  const was = hasTherapy(view.state) ? figures(view.state.program, view.state.contents, view.device.idleRate) : [];
  const s: Setting = { view, p, library, was, found };
  switch (p.act) {
    case Act.program: checkProgramOrder(s, at); break;
    case Act.adopt: checkAdopt(s, at); break;
    case Act.visit: checkVisit(s, r, p.visit!, at); break;
    default: checkOnce(s, at);
  }
  return found;
}

export async function checkTransfer(view: View, p: Prescription): Promise<void> {
  const t = p.transfer!;
  must(!same(t.site, view.site), 'E_AUD', 'a transfer to the site that it is at');
  const keyset = await readKeyset(t.keyset, view.root.doc.demo).catch((err: unknown) => {
    if (err instanceof Error && err.name === 'Refusal') return refuse('E_KEYSET', err.message);
    throw err;
  });
  must(await quorumMet(view.root.doc.keyset, 'keyset', keyset.body, keyset.signatures), 'E_KEYSET', 'the new keyset is not signed under the root');
  must(covers(keyset.doc, t.site), 'E_KEYSET', 'the new keyset is not for the new site');
  must(keyset.doc.policies.length > 0, 'E_KEYSET', 'the new keyset permits no orders');
  must(!view.trusted || view.now < keyset.doc.expires, 'E_KEYSET', 'the new keyset has expired');
}

function libraryOf(view: View, p: Prescription): Library {
  if (view.library === undefined) return refuse('E_LIB', 'the pump has no library');
  const before = view.before !== undefined && same(view.before.hash, p.library!);
  must(before || same(view.library.hash, p.library!), 'E_LIB', 'by another library');
  return view.library.doc;
}

/** An order by the library before counts only if that says the same of these contents. */
function sameInBoth(s: Setting, c: Contents): void {
  if (same(s.view.library!.hash, s.p.library!)) return;
  const before = s.view.before!.doc;
  for (const code of codes(c)) {
    const now = drugOf(s.library, code);
    const then = drugOf(before, code);
    must(now !== undefined && then !== undefined && same(now.raw, then.raw), 'E_LIB', `entry ${code} has changed`);
  }
  const now = mixtureOf(s.library, codes(c));
  const then = mixtureOf(before, codes(c));
  must(now === undefined ? then === undefined : then !== undefined && same(now.raw, then.raw), 'E_LIB', 'the mixture has changed');
}

/** The limits of each ingredient of the contents, in their order. */
function entries(s: Setting, c: Contents): DrugLimit[] {
  sameInBoth(s, c);
  return c.ingredients.map((i) => {
    const drug = drugOf(s.library, i.code);
    const limit = limitOf(drug, s.p.group, c.route);
    if (drug === undefined || limit === undefined) return refuse('E_LIB', `ingredient ${i.code} cannot be ordered for this group and route`);
    must(i.concentration <= drug.highest, 'E_LIB', 'a concentration above the highest');
    must(drug.standard.length === 0 || drug.standard.includes(i.concentration), 'E_LIB', 'a concentration that is no standard one');
    must(!drug.alone || c.ingredients.length === 1 || mixtureOf(s.library, codes(c)) !== undefined, 'E_LIB', 'in a mixture that is not listed');
    return limit;
  });
}

/** The order's own limits may only be narrower than the library's. */
function narrower(s: Setting, c: Contents, l: Limits, hard: readonly DrugLimit[]): void {
  must(l.lines.length === c.ingredients.length, 'E_LIB', 'limits of other ingredients');
  l.lines.forEach((line, i) => {
    must(line.code === c.ingredients[i]!.code, 'E_LIB', 'limits of other ingredients');
    must(line.withdrawal === drugOf(s.library, line.code)!.withdrawal, 'E_LIB', 'another severity of withdrawal');
  });
  l.lines.forEach((line, i) => must(line.hour <= hard[i]!.hardHour && line.day <= hard[i]!.hardDay, 'E_LIMIT', 'limits above the library’s'));
  must(hard.every((h) => l.lockout >= h.lockout), 'E_LIMIT', 'a lockout below the library’s');
  must(hard.every((h) => h.most === 0n || (l.most > 0n && l.most <= h.most)), 'E_LIMIT', 'more patient boluses than the library’s');
}

function numbers(s: Setting, carried: Prescription['checks'], of: Checked): void {
  must(sameChecks(carried, checkNumbers(of, s.view.device.idleRate)), 'E_ARITH', 'other check numbers than computed');
}

const modeNames: Record<number, string> = {
  [Mode.stopped]: 'stopped', [Mode.minimum]: 'minimum', [Mode.continuous]: 'continuous', [Mode.flexDay]: 'flex_day', [Mode.flexWeek]: 'flex_week',
  [Mode.periodic]: 'periodic', [Mode.single]: 'single',
};

const offers = (s: Setting, mode: string): void => must(s.view.device.modes.has(mode), 'E_LIMIT', `the device has no ${mode}`);

const topRate = (s: Setting, l: Limits): bigint => (l.rate > 0n ? min(l.rate, s.view.device.highestRate) : s.view.device.highestRate);

/** Whether the device can meter this volume in this time. */
function rateFits(s: Setting, d: Dose | Segment, top: bigint): void {
  const dev = s.view.device;
  must(d.volume <= floorDiv(top * d.duration, DAY), 'E_LIMIT', 'above the highest rate');
  const rests = d.volume === nearestDiv(dev.idleRate * d.duration, DAY) || (d.volume === 0n && dev.zero);
  must(rests || d.volume >= floorDiv(dev.leastRate * d.duration, DAY), 'E_LIMIT', 'below the slowest rate');
}

const bolusFits = (s: Setting, volume: bigint): void =>
  must(volume >= s.view.device.resolution && volume <= s.view.device.largestBolus, 'E_LIMIT', 'a bolus that the device does not meter');

function program(s: Setting, aim: Aim, hard: readonly DrugLimit[]): void {
  const { program: p, limits: l } = aim;
  const dev = s.view.device;
  if (p.mode !== Mode.stopped) {
    offers(s, modeNames[p.mode]!);
    if (p.mode === Mode.flexDay || p.mode === Mode.flexWeek) must(segmentsOnOneDay(p) <= dev.segmentsPerDay, 'E_LIMIT', 'more steps than the device has');
    const top = topRate(s, l);
    for (const segment of p.segments) rateFits(s, segment, top);
    if (p.mode === Mode.single) bolusFits(s, p.segments[0]!.volume);
    if (p.patient) {
      offers(s, 'patient');
      must(p.patient.lockout >= max(dev.patientLockout, l.lockout), 'E_LIMIT', 'a lockout shorter than allowed');
      must(p.patient.most <= dev.patientMost && (l.most === 0n || p.patient.most <= l.most), 'E_LIMIT', 'more patient boluses than allowed');
      bolusFits(s, p.patient.volume);
      must(rateOf(p.patient, ceilDiv) + fastest(p) <= top, 'E_LIMIT', 'a patient bolus faster than the device');
    }
    const ceiling = ceilingOf(l, aim.contents);
    must(worst(p, HOUR, dev.idleRate) <= ceiling.hour && worst(p, DAY, dev.idleRate) <= ceiling.day, 'E_LIMIT', 'a worst hour or day above the limits');
  }
  if (p.patient) aim.contents.ingredients.forEach((i, n) => {
    must(!hard[n]!.noPatientBoluses, 'E_LIMIT', 'patient boluses of what allows none');
    bolusMass(s, mass(p.patient!.volume, i.concentration, ceilDiv), hard[n]!);
  });
}

function bolusMass(s: Setting, ng: bigint, hard: DrugLimit): void {
  must(hard.hardBolus === 0n || ng <= hard.hardBolus, 'E_LIMIT', 'a bolus above the hard limit');
  must(hard.softBolus === 0n || ng <= hard.softBolus || flagged(s, 1), 'E_LIMIT', 'a bolus above the soft limit without its reason');
}

function priming(s: Setting, d: Dose): void {
  offers(s, 'prime');
  must(d.volume <= s.view.device.largestPriming && d.volume <= floorDiv(s.view.device.highestRate * d.duration, DAY), 'E_LIMIT', 'a priming beyond the device');
}

function bridgeRules(s: Setting, aim: Aim): void {
  const { view } = s;
  const staged = aim.prime !== undefined || aim.bridge !== undefined;
  const filled = view.state.contents.ingredients.length > 0;
  const other = filled && !sameContents(aim.contents, view.state.contents);
  must((aim.prime?.volume ?? 0n) + (aim.bridge?.volume ?? 0n) >= left(view), 'E_BRIDGE', 'priming and bridge do not clear the path');
  must(!other || staged, 'E_BRIDGE', 'other contents without bridge or priming');
  must(!other || view.path.length < MAX_PATH, 'E_BRIDGE', 'more fluids than a path holds');
  if (aim.bridge === undefined) return;
  must(filled, 'E_BRIDGE', 'a bridge of nothing');
  must(aim.program.mode !== Mode.stopped && aim.program.mode !== Mode.minimum, 'E_BRIDGE', 'a bridge to nothing');
}

/** A bridge against every fluid that it pushes out: as a step, and against the ceilings of each. */
function bridge(s: Setting, contents: Contents, d: Dose): void {
  offers(s, 'bridge');
  rateFits(s, d, s.view.device.highestRate);
  const { path, bridge: runs } = s.view;
  const daily = rateOf(d, floorDiv);
  const fluids = pushed(s.view, contents);
  fluids.forEach((f, n) => {
    for (const i of f.contents.ingredients) {
      const limit = limitOf(drugOf(s.library, i.code), s.p.group, f.contents.route);
      const is = mass(daily, i.concentration, floorDiv);
      if (limit === undefined) s.found.softStep = true;
      // A fluid that leaves already rises from the pace that was approved for it.
      else step(s, limit, n < path.length && runs ? mass(rateOf(runs, floorDiv), i.concentration, floorDiv) : risesFrom(s.view, i.code, wasOf(s, i.code).worst, is), is);
    }
  });
  must(fluids.every((f) => partOf(d, HOUR) <= f.ceiling.hour && partOf(d, DAY) <= f.ceiling.day), 'E_LIMIT', 'a bridge above the ceilings of what it pushes out');
}

const wasOf = (s: Setting, code: bigint): Figure => s.was.find((f) => f.code === code) ?? { code, day: 0n, worst: 0n };

/** One figure from was to is, in ng. */
function step(s: Setting, l: DrugLimit, was: bigint, is: bigint): void {
  if (is <= was) return;
  s.found.increase = true;
  const rise = is - was;
  must(l.hardStep === 0n || rise <= l.hardStep, 'E_LIMIT', 'a step above the hard limit in mass');
  if (was === 0n) {
    s.found.softStep = true;
    return;
  }
  must(l.hardShare === 0n || rise <= floorDiv(was * l.hardShare, 1000n), 'E_LIMIT', 'a step above the hard limit in ‰');
  if ((l.softStep === 0n || rise <= l.softStep) && (l.softShare === 0n || rise <= floorDiv(was * l.softShare, 1000n))) return;
  must(flagged(s, 2), 'E_LIMIT', 'a step above the soft limit without its reason');
  s.found.softStep = true;
}

function steps(s: Setting, aim: Aim, hard: readonly DrugLimit[]): void {
  figures(aim.program, aim.contents, s.view.device.idleRate).forEach((is, n) => {
    const l = hard[n]!;
    must(l.softDay === 0n || is.worst <= l.softDay || flagged(s, 1), 'E_LIMIT', 'a day above the soft limit without its reason');
    if (s.p.act === Act.adopt) return;
    const was = wasOf(s, is.code);
    step(s, l, risesFrom(s.view, is.code, was.day, is.day), is.day);
    step(s, l, risesFrom(s.view, is.code, was.worst, is.worst), is.worst);
  });
}

/** Steps 17, 18 and 19 of one program with its stages. */
function checkAim(s: Setting, aim: Aim, checks: Prescription['checks'], at: At): void {
  at(17);
  const hard = entries(s, aim.contents);
  narrower(s, aim.contents, aim.limits, hard);
  s.found.contents.push(aim.contents);
  at(18);
  must(s.p.act !== Act.program || aim.bridge === undefined || s.view.path.length > 0, 'E_BRIDGE', 'a bridge where none runs');
  numbers(s, checks, { contents: aim.contents, program: aim.program, once: aim.prime, bridge: aim.bridge, old: pushed(s.view, aim.contents).map((f) => f.contents) });
  at(19);
  program(s, aim, hard);
  if (aim.prime) priming(s, aim.prime);
  if (s.p.act !== Act.adopt) bridgeRules(s, aim);
  if (s.p.act === Act.adopt) must(s.p.volume <= s.view.device.capacity, 'E_VOLUME', 'more than the reservoir holds');
  if (s.p.act === Act.program && aim.bridge) must(aim.bridge.volume <= s.view.volume, 'E_VOLUME', 'a bridge of more than is there');
  if (aim.bridge) bridge(s, aim.contents, aim.bridge);
  steps(s, aim, hard);
}

function checkProgramOrder(s: Setting, at: At): void {
  const { p } = s;
  must(sameContents(p.contents!, s.view.state.contents), 'E_LIB', 'other contents than in the reservoir');
  checkAim(s, { contents: p.contents!, limits: p.limits!, program: p.program!, bridge: p.bridge }, p.checks, at);
}

function checkAdopt(s: Setting, at: At): void {
  const { p } = s;
  checkAim(s, { contents: p.contents!, limits: p.limits!, program: s.view.state.program }, p.checks, at);
}

const turns = (p: Program): bigint => BigInt(p.segments.length) + 1n + (p.patient?.most ?? 0n);

/** The second branch gives what is given now, as near as whole nanolitres allow. */
function sameDose(s: Setting, b: Branch): void {
  const { state, device } = s.view;
  if (!hasTherapy(state)) {
    must(b.program.mode === Mode.stopped || b.program.mode === Mode.minimum, 'E_LIMIT', 'a dose where there was none');
    return;
  }
  const is = figures(b.program, b.contents, device.idleRate);
  must(is.length === s.was.length && is.every((f, i) => f.code === s.was[i]!.code), 'E_LIMIT', 'other ingredients in the same dose');
  const n = turns(b.program) + turns(state.program);
  is.forEach((f, i) => {
    const was = s.was[i]!;
    const c = max(b.contents.ingredients[i]!.concentration, state.contents.ingredients[i]!.concentration);
    const apart = floorDiv(c * n, 1_000_000n) + 1n;
    const differ = (a: bigint, other: bigint): bigint => (a > other ? a - other : other - a);
    must(differ(f.day, was.day) <= apart && differ(f.worst, was.worst) <= apart, 'E_LIMIT', 'another dose in the same dose');
  });
}

/** Whether what was aspirated does not fit to what the pump reckons, beyond what a reading can be wrong. */
export function critical(fill: bigint, reckoned: bigint, aspirated: bigint): boolean {
  if (fill <= 0n) return false;
  if (aspirated === 0n && reckoned > 2_000_000n) return true;
  if (aspirated - reckoned > 2_000_000n && 10n * (fill - aspirated) < 8n * (fill - reckoned)) return true;
  return 10n * (fill - aspirated) > 12n * (fill - reckoned) && reckoned - aspirated > 1_000_000n;
}

function checkVisit(s: Setting, r: Release | undefined, visit: Visit, at: At): void {
  const branches = [visit.planned, visit.same];
  const rises = branches.map((b) => {
    s.found.increase = false;
    checkAim(s, b, b.checks, at);
    return s.found.increase;
  });
  sameDose(s, visit.same);
  s.found.increase = rises[(r?.branch ?? 1) - 1]!;
  if (r === undefined) return;
  const { aspirated, filled } = r.measured!;
  const chosen = branches[r.branch - 1]!;
  must(filled <= s.view.device.capacity, 'E_VOLUME', 'filled with more than the reservoir holds');
  must((chosen.prime?.volume ?? 0n) + (chosen.bridge?.volume ?? 0n) <= filled, 'E_VOLUME', 'stages of more than was filled');
  if (r.branch !== 1) return;
  const { bounds } = visit;
  must(aspirated >= bounds.aspirated[0] && aspirated <= bounds.aspirated[1], 'E_BOUNDS', 'aspirated out of bounds');
  must(filled >= bounds.filled[0] && filled <= bounds.filled[1], 'E_BOUNDS', 'filled out of bounds');
  must(!critical(s.view.fill, s.view.volume, aspirated), 'E_BOUNDS', 'a critical discrepancy');
}

/** A bolus or a priming. */
function checkOnce(s: Setting, at: At): void {
  const { p, view } = s;
  const contents = p.contents!;
  const dose = p.dose!;
  must(sameContents(contents, view.state.contents), 'E_LIB', 'other contents than in the reservoir');
  const hard = entries(s, contents);
  s.found.contents.push(contents);
  at(18);
  numbers(s, p.checks, { contents, once: dose, old: [] });
  at(19);
  must(dose.volume <= view.volume, 'E_VOLUME', 'more than the reservoir holds');
  if (p.act === Act.prime) priming(s, dose);
  else bolus(s, contents, dose, hard);
}

function bolus(s: Setting, contents: Contents, dose: Dose, hard: readonly DrugLimit[]): void {
  const { view } = s;
  offers(s, 'bolus');
  must(dose.duration <= DAY, 'E_LIMIT', 'a bolus of more than a day');
  bolusFits(s, dose.volume);
  must(rateOf(dose, ceilDiv) + fastest(view.state.program) <= topRate(s, view.limits), 'E_LIMIT', 'a bolus faster than the device');
  contents.ingredients.forEach((i, n) => bolusMass(s, mass(dose.volume, i.concentration, ceilDiv), hard[n]!));
  const worstDay = worst(view.state.program, DAY, view.device.idleRate);
  must(max(view.hour, worst(view.state.program, HOUR, view.device.idleRate)) + dose.volume <= view.ceiling.hour, 'E_LIMIT', 'above the hour’s ceiling');
  must(max(view.day, worstDay) + dose.volume <= view.ceiling.day, 'E_LIMIT', 'above the day’s ceiling');
  contents.ingredients.forEach((i, n) => must(mass(worstDay + dose.volume, i.concentration, ceilDiv) <= hard[n]!.hardDay, 'E_LIMIT', 'above the highest day'));
}

/** Whether a program order is a decrease that one person may sign. */
function smallDecrease(view: View, p: Prescription): boolean {
  const { state, device } = view;
  if (p.act !== Act.program || state.run !== 1 || view.foreign || p.bridge !== undefined) return false;
  if (meanDay(p.program!) >= meanDay(state.program) || worst(p.program!, HOUR, device.idleRate) > worst(state.program, HOUR, device.idleRate)) return false;
  const was = figures(state.program, state.contents, device.idleRate);
  return figures(p.program!, p.contents!, device.idleRate).every((is) => {
    const before = was.find((f) => f.code === is.code);
    const band = drugOf(view.library!.doc, is.code)?.band ?? 0n;
    if (before === undefined || band === 0n) return false;
    const within = (a: bigint, b: bigint): boolean => b <= a && a - b <= floorDiv(a * band, 1000n);
    return within(before.day, is.day) && within(before.worst, is.worst);
  });
}

const UNTIMED_LIFE_MS = 90n * DAY * 1000n;

export function keysetExpired(view: View, k: Keyset): boolean {
  return view.trusted ? view.now >= k.expires : view.run - view.memory.keysetTaken > UNTIMED_LIFE_MS;
}

/** How many kinds of people an order takes: one, two or three. Computed here, never taken from the order. */
export function classOf(view: View, k: Keyset, p: Prescription, approvals: readonly Approval[], found: Findings): number {
  const first = found.contents.some((c) => c.ingredients.some((i) => !view.memory.ordered.some((o) => o.code === i.code && o.route === c.route)));
  if (first || found.softStep) return 3;
  if (smallDecrease(view, p)) return 1;
  const own = view.memory.ownStop;
  const undoes = p.act === Act.resume && own !== null && approvals.some((a) => a.person === own.person) && view.run - own.run <= 3_600_000n
    && own.gen === view.state.gen && !keysetExpired(view, k);
  return undoes ? 1 : 2;
}
