import { exact } from '../units/quantity';
import type { Contents, Dose, Limits, PatientBolus, Program, Segment } from './content';
import { Mode } from './content';
import { Act, type Branch, type Check, type Prescription, type Release, type Stop, type Withdrawal } from './documents';
import { DAY } from './fields';
import { mass, nearestDiv, rateOf } from './numbers';
import { drugOf, type Drug, type Library } from './trust';

/**
 * A decoded order in the words and numbers that a clinician reads: unit beside every number, a zero before the decimal point
 * and none at its end, daily totals per ingredient. Every number is exact to what was signed; what had to be rounded says so
 * with ≈. Words come from here, never from the server.
 */

export interface Line {
  readonly label: string;
  readonly value: string;
}

export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

export interface Words {
  readonly title: string;
  readonly sections: readonly Section[];
}

const titles: Record<number, string> = {
  [Act.program]: 'Change the program', [Act.bolus]: 'Give a bolus', [Act.prime]: 'Prime the catheter', [Act.visit]: 'Refill visit', [Act.bind]: 'Bind the pump to a patient',
  [Act.alarms]: 'Change the alarm settings', [Act.resume]: 'Resume the stopped program', [Act.erase]: 'Erase the program', [Act.adopt]: 'Adopt what the pump runs',
  [Act.transfer]: 'Transfer to another site', [Act.clock]: 'Set the clock',
};

export const actName = (act: number): string => titles[act] ?? `Act ${act}`;

const modes: Record<number, string> = {
  [Mode.stopped]: 'Stopped: nothing is infused', [Mode.minimum]: 'Minimum rate: protects the pump, not the patient', [Mode.continuous]: 'Continuous', [Mode.flexDay]: 'Flex, by the hour of the day',
  [Mode.flexWeek]: 'Flex, by the day of the week', [Mode.periodic]: 'Periodic', [Mode.single]: 'Single bolus',
};

export const groupNames = ['', 'cancer', 'non-cancer', 'spinal', 'cerebral', 'child'] as const;
export const routeNames = ['none', 'intrathecal', 'epidural'] as const;
export const withdrawalNames = ['', 'none', 'moderate', 'severe', 'deadly'] as const;
export const meaningNames = ['', 'prescribes', 'verifies', 'verifies as pharmacist', 'acts alone under policy'] as const;
export const branchNames = ['', 'as planned', 'same dose'] as const;

/** nL as mL, exact: "0.395 mL". */
export const volume = (nl: bigint): string => `${exact(nl, 1_000_000n)} mL`;

/** A length of time, exact to the second: "47 h 24 min", "20 min", "1 min 30 s". */
export function span(seconds: bigint): string {
  const parts = [[seconds / 3600n, 'h'], [(seconds % 3600n) / 60n, 'min'], [seconds % 60n, 's']] as const;
  return parts.filter(([n]) => n > 0n).map(([n, unit]) => `${n} ${unit}`).join(' ') || '0 s';
}

/** A moment of the cycle: "06:00", or "day 3 06:00" in one that is longer than a day. */
export function moment(offset: bigint, cycle: bigint): string {
  const two = (n: bigint): string => n.toString().padStart(2, '0');
  const rest = offset % DAY;
  const seconds = rest % 60n === 0n ? '' : `:${two(rest % 60n)}`;
  const at = `${two(rest / 3600n)}:${two((rest % 3600n) / 60n)}${seconds}`;
  return cycle > DAY ? `day ${offset / DAY + 1n} ${at}` : at;
}

/** Unix seconds, to the minute or second, always in UTC and saying so: the same words on every screen. */
export function utc(seconds: bigint): string {
  const iso = new Date(Number(seconds) * 1000).toISOString();
  const text = iso.slice(0, seconds % 60n === 0n ? -8 : -5).replace('T', ' ');
  return `${text} UTC`;
}

/** Seconds east of UTC: "UTC+02:00". */
export function zoneName(seconds: bigint): string {
  const away = seconds < 0n ? -seconds : seconds;
  const two = (n: bigint): string => n.toString().padStart(2, '0');
  const odd = away % 60n === 0n ? '' : `:${two(away % 60n)}`;
  return `UTC${seconds < 0n ? '−' : '+'}${two(away / 3600n)}:${two((away % 3600n) / 60n)}${odd}`;
}

const NG: Record<'mg' | 'mcg', bigint> = { mg: 1_000_000n, mcg: 1000n };

/** Words about ingredients need the drug library that the order names. Without an entry: its code, and ng. */
export class Speaker {
  private readonly library: Library | undefined;

  constructor(library: Library | undefined) {
    this.library = library;
  }

  private drug(code: bigint): Drug | undefined {
    return this.library && drugOf(this.library, code);
  }

  name(code: bigint): string {
    return this.drug(code)?.name ?? `ingredient ${code}, not in the library`;
  }

  /** ng in the drug's own unit, exact: "2.4 mg", "130.5 mcg". The unit never follows the size of the number. */
  amount(code: bigint, ng: bigint): string {
    const unit = this.drug(code)?.unit;
    return unit ? `${exact(ng, NG[unit])} ${unit}` : `${ng} ng`;
  }

  /** The mass in a volume: exact, or rounded to the nearest ng and marked. */
  dose(code: bigint, nl: bigint, concentration: bigint): string {
    const whole = (nl * concentration) % 1_000_000n === 0n;
    return `${whole ? '' : '≈ '}${this.amount(code, mass(nl, concentration, nearestDiv))}`;
  }

  strength(code: bigint, ngPerMl: bigint): string {
    return `${this.amount(code, ngPerMl)}/mL`;
  }

  /** What a volume holds of every ingredient: "2.4 mg Morphine + 24 mcg Clonidine". */
  doses(c: Contents, nl: bigint): string {
    return c.ingredients.map((i) => `${this.dose(i.code, nl, i.concentration)} ${this.name(i.code)}`).join(' + ');
  }
}

/** nL/day as mL/day: exact, or to the nearest nL and marked. */
function rate(d: Dose | Segment): string {
  const whole = (d.volume * DAY) % d.duration === 0n;
  return `${whole ? '' : '≈ '}${exact(rateOf(d, nearestDiv), 1_000_000n)} mL/day`;
}

const over = (d: Dose | Segment): string => `${volume(d.volume)} over ${span(d.duration)}`;

function contentsLines(s: Speaker, c: Contents): Line[] {
  return [
    ...c.ingredients.map((i, n) => ({ label: n === c.primary && c.ingredients.length > 1 ? `${s.name(i.code)} (primary)` : s.name(i.code), value: s.strength(i.code, i.concentration) })),
    { label: 'Route', value: routeNames[c.route] ?? '' },
  ];
}

function programLines(s: Speaker, p: Program, c: Contents): Line[] {
  const lines: Line[] = [{ label: 'Mode', value: modes[p.mode] ?? `mode ${p.mode}` }];
  if (p.mode === Mode.periodic) lines.push({ label: 'Every', value: span(p.cycle) });
  for (const g of p.segments) {
    const label = p.mode === Mode.continuous ? 'All day' : p.mode === Mode.single ? 'Once' : `${moment(g.offset, p.cycle)} for ${span(g.duration)}`;
    lines.push({ label, value: `${volume(g.volume)} (${rate(g)}): ${s.doses(c, g.volume)}` });
  }
  if (p.after) lines.push({ label: 'Then', value: p.after === 1 ? 'stopped' : 'minimum rate' });
  return lines;
}

function patientLines(s: Speaker, b: PatientBolus | undefined, c: Contents): Line[] {
  if (b === undefined) return [{ label: 'Patient boluses', value: 'none' }];
  return [
    { label: 'Each', value: `${over(b)}: ${s.doses(c, b.volume)}` },
    { label: 'Lockout', value: span(b.lockout) },
    { label: 'At most', value: `${b.most} in 24 h${b.window > 0n ? `, ${b.mostInWindow} in ${span(b.window)}` : ''}` },
    ...(b.validFor > 0n ? [{ label: 'Valid for', value: span(b.validFor) }] : []),
  ];
}

function doseLine(s: Speaker, label: string, d: Dose, c: Contents | undefined): Line {
  return { label, value: `${over(d)} (${rate(d)})${c ? `: ${s.doses(c, d.volume)}` : ''}` };
}

function limitLines(s: Speaker, l: Limits): Line[] {
  return [
    ...l.lines.map((x) => ({
      label: s.name(x.code), value: `at most ${s.amount(x.code, x.hour)} in an hour, ${s.amount(x.code, x.day)} in 24 h; withdrawal ${withdrawalNames[x.withdrawal]}`,
    })),
    ...(l.rate > 0n ? [{ label: 'Highest rate', value: `${exact(l.rate, 1_000_000n)} mL/day` }] : []),
    ...(l.lockout > 0n ? [{ label: 'Shortest lockout', value: span(l.lockout) }] : []),
    ...(l.most > 0n ? [{ label: 'Patient boluses', value: `at most ${l.most} in 24 h` }] : []),
  ];
}

/** The daily totals that everybody signed, per ingredient. */
export function totals(s: Speaker, checks: readonly Check[]): Section {
  return {
    title: 'Totals',
    lines: checks.flatMap((c) => [
      { label: `${s.name(c.code)}, average day`, value: s.amount(c.code, c.day) },
      { label: `${s.name(c.code)}, most in a day`, value: s.amount(c.code, c.worst) },
      ...(c.once > 0n ? [{ label: `${s.name(c.code)}, once`, value: s.amount(c.code, c.once) }] : []),
      ...(c.bridge > 0n ? [{ label: `${s.name(c.code)}, in the bridge`, value: s.amount(c.code, c.bridge) }] : []),
    ]),
  };
}

function branchSections(s: Speaker, name: string, b: Branch): Section[] {
  const stages = [...(b.prime ? [doseLine(s, 'Priming', b.prime, b.contents)] : []), ...(b.bridge ? [doseLine(s, 'Bridge, of the old fluid', b.bridge, undefined)] : [])];
  const sections: Section[] = [
    { title: 'Contents', lines: contentsLines(s, b.contents) }, { title: 'Program', lines: programLines(s, b.program, b.contents) },
    { title: 'Patient boluses', lines: patientLines(s, b.program.patient, b.contents) }, { title: 'Stages', lines: stages }, totals(s, b.checks),
    { title: 'Limits', lines: limitLines(s, b.limits) },
  ];
  return sections.filter((x) => x.lines.length > 0).map((x) => ({ title: `${name}: ${x.title.toLowerCase()}`, lines: x.lines }));
}

const flagNames = ['', 'Above a soft limit', 'A step above the soft limit'] as const;

function orderLines(p: Prescription): Line[] {
  return [
    { label: 'Pump', value: p.serial },
    ...(p.group ? [{ label: 'Patient group', value: groupNames[p.group] ?? '' }] : []),
    { label: 'Valid', value: `${utc(p.notBefore)} to ${utc(p.expires)}` },
    ...(p.reason ? [{ label: 'Reason', value: p.reason }] : []),
    ...p.flags.map((f) => ({ label: flagNames[f.code] ?? '', value: f.reason })),
  ];
}

function partSections(s: Speaker, p: Prescription): Section[] {
  const c = p.contents;
  const sections: Section[] = [];
  if (c) sections.push({ title: 'Contents', lines: contentsLines(s, c) });
  if (p.program) {
    const of: Contents = c ?? { ingredients: [], primary: 0, route: 0 };
    sections.push({ title: 'Program', lines: programLines(s, p.program, of) });
    if (c) sections.push({ title: 'Patient boluses', lines: patientLines(s, p.program.patient, of) });
  }
  const once: Line[] = [];
  if (p.dose) once.push(doseLine(s, p.act === Act.prime ? 'Priming' : 'Bolus', p.dose, c));
  if (p.bridge) once.push(doseLine(s, 'Bridge, of the old fluid', p.bridge, undefined));
  if (p.volume > 0n) once.push({ label: 'In the reservoir', value: volume(p.volume) });
  if (p.alarms) once.push({ label: 'Low-reservoir alarm below', value: volume(p.alarms.low) }, { label: 'Alarm after denied requests', value: `${p.alarms.denied}` });
  if (p.act === Act.clock) once.push({ label: 'Time zone', value: zoneName(p.zone) });
  if (once.length > 0) sections.push({ title: 'What is done', lines: once });
  if (p.checks.length > 0) sections.push(totals(s, p.checks));
  if (p.limits) sections.push({ title: 'Limits', lines: limitLines(s, p.limits) });
  return sections;
}

function visitSections(s: Speaker, p: Prescription): Section[] {
  const v = p.visit;
  if (v === undefined) return [];
  const range = ([from, to]: readonly [bigint, bigint]): string => `${volume(from)} to ${volume(to)}`;
  const lines: Line[] = [
    { label: 'Aspirated, if as planned', value: range(v.bounds.aspirated) }, { label: 'Filled, if as planned', value: range(v.bounds.filled) },
    ...(v.rinse > 0n ? [{ label: 'Rinse', value: volume(v.rinse) }] : []),
  ];
  return [{ title: 'Refill', lines }, ...branchSections(s, 'As planned', v.planned), ...branchSections(s, 'Same dose', v.same)];
}

/** Everything that a prescription says, in the order in which it is read. */
export function describe(p: Prescription, library: Library | undefined): Words {
  const s = new Speaker(library);
  return { title: actName(p.act), sections: [{ title: 'Order', lines: orderLines(p) }, ...partSections(s, p), ...visitSections(s, p)] };
}

/** What a release adds to its prescription. */
export function describeRelease(r: Release): Section {
  return {
    title: 'Release',
    lines: [
      { label: 'Released by', value: r.person }, { label: 'Valid', value: `${utc(r.iat)} to ${utc(r.exp)}` },
      ...(r.branch ? [{ label: 'Branch', value: branchNames[r.branch] ?? '' }] : []),
      ...(r.measured ? [{ label: 'Aspirated', value: volume(r.measured.aspirated) }, { label: 'Filled', value: volume(r.measured.filled) }] : []),
    ],
  };
}

export function describeStop(d: Stop): Section {
  return {
    title: 'Stop',
    lines: [
      { label: 'Why', value: d.overdose ? 'overdose: nothing moves any more' : 'other: stop, or the minimum rate, as the drug needs it' }, { label: 'Reason', value: d.reason },
      { label: 'Stopped by', value: d.person }, { label: 'Valid', value: `${utc(d.iat)} to ${utc(d.exp)}` },
    ],
  };
}

export function describeWithdrawal(d: Withdrawal): Section {
  return { title: 'Withdrawal', lines: [{ label: 'Reason', value: d.reason }, { label: 'Withdrawn by', value: d.person }, { label: 'Signed', value: utc(d.iat) }] };
}
