import type { Act, Contents, DoseProgram, DrugLimit, Group, LibraryContent, Refill, Therapy, Wish } from '../api/orders';
import { concText, drugOf, exactDose, hhmm, mass, meanDay, n, primaryOf } from './amounts';

/** What somebody types to propose, as text. What it comes to is made in make.ts. */
export type Kind = Act;
export type Spread = 'flat' | 'day' | 'week';
export interface Stretch { key: string; from: string; dose: string }
/** One ingredient of a syringe. */
export interface Part { key: string; code: string; conc: string }
export interface Draft {
  kind: Kind;
  group: Group | '';
  spread: Spread;
  day: string;
  stretches: Stretch[];
  /** Monday first. */
  week: Stretch[][];
  ptm: boolean;
  ptmDose: string;
  ptmMinutes: string;
  ptmLockout: string;
  ptmMax: string;
  bolusDose: string;
  bolusMinutes: string;
  low: string;
  denied: string;
  life: string;
  reason: string;
  softLimit: string;
  softStep: string;
  /** Of a refill. */
  mix: Part[];
  lead: string;
  route: Contents['route'];
  filled: string;
  residual: string;
  rinse: string;
  catheter: string;
  /** Of a refill, or alone. */
  prime: '' | 'catheter' | 'path';
  primeMinutes: string;
  /** Of an adoption. */
  volume: string;
  /** Of a bind: the token; empty is as the register has it. */
  patient: string;
  /** Of a transfer. */
  site: string;
  /** Of a clock order: "+01:00". */
  zone: string;
}

export interface Made {
  wish: Wish | null;
  /** Field → what is wrong with it. */
  wrong: Record<string, string>;
  program: DoseProgram | null;
  /** Of a refill visit: what the server computes the visit from; null while something is wrong. */
  refill: Refill | null;
  /** What the doses are of. */
  contents: Contents;
}

export const weekdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;

/** The groups that the library has limits of, for everything that is in the contents by their route. */
export function groupsFor(lib: LibraryContent | null, c: Contents, patient: readonly Group[]): Group[] {
  const every: Group[] = ['cancer', 'non_cancer', 'spinal', 'cerebral', 'child'];
  const has = (g: Group) => c.ingredients.every((i) => lib?.drugs.find((d) => d.code === i.code)?.limits?.some((l) => l.group === g && l.route === c.route));
  return c.ingredients.length === 0 ? [] : every.filter((g) => has(g) && (patient.length === 0 || patient.includes(g)));
}

export const limitFor = (lib: LibraryContent | null, code: number, group: Group | '', route: string): DrugLimit | null =>
  lib?.drugs.find((d) => d.code === code)?.limits?.find((l) => l.group === group && l.route === route) ?? null;

/** Whether the pump has a program that gives a dose, running or kept. */
export const hasProgram = (t: Therapy): boolean => t.report.state.program.segments.length > 0 && t.report.state.contents.ingredients.length > 0;

/** What can be proposed for a pump as it is now, in the order of a list. */
export function kindsFor(t: Therapy): { group: string; items: Kind[] }[] {
  const { run, contents } = t.report.state;
  const filled = contents.ingredients.length > 0;
  const all: { group: string; items: (Kind | false)[] }[] = [
    { group: 'Dose', items: [filled && 'program', filled && run === 1 && 'bolus', run !== 1 && hasProgram(t) && 'resume'] },
    { group: 'Refill', items: ['visit', filled && 'prime'] },
    { group: 'Patient and house', items: [t.report.foreign && hasProgram(t) && 'adopt', 'bind', 'transfer', hasProgram(t) && 'erase'] },
    { group: 'Device', items: ['settings', 'clock'] },
  ];
  return all.map((g) => ({ group: g.group, items: g.items.filter((k): k is Kind => k !== false) })).filter((g) => g.items.length > 0);
}

const zeroID = /^0*$/;
export const boundTo = (t: Therapy): boolean => !zeroID.test(t.report.patient);

/** What one probably comes for. */
export function firstKind(t: Therapy): Kind {
  if (!boundTo(t)) return 'bind';
  if (t.report.foreign && hasProgram(t)) return 'adopt';
  if (t.report.state.contents.ingredients.length === 0) return 'visit';
  return t.report.state.run !== 1 && hasProgram(t) ? 'resume' : 'program';
}

let made = 0;
/** A key for a line of a form. */
export const fresh = (): string => `n${++made}`;

const half = (text: (nl: bigint) => string, day: bigint): Stretch[] => [{ key: fresh(), from: '00:00', dose: day > 0n ? text(day / 2n) : '' }, { key: fresh(), from: '12:00', dose: day > 0n ? text(day - day / 2n) : '' }];

/** The form as the pump runs now: nothing changes until somebody types. */
export function draftOf(t: Therapy, lib: LibraryContent | null, kind: Kind): Draft {
  const { program: p, contents: c, settings } = t.report.state;
  const code = primaryOf(c);
  const f = drugOf(lib, code);
  const conc = n(c.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const text = (nl: bigint) => exactDose(f, mass(nl, conc));
  const runs = hasProgram(t);
  const day = meanDay(p);
  const of = (segments: DoseProgram['segments'], start: bigint): Stretch[] => segments.map((s) => ({ key: fresh(), from: hhmm(n(s.offset_s) - start), dose: text(n(s.volume_nl)) }));
  const stretches = p.mode === 'flex_day' ? of(p.segments, 0n) : half(text, day);
  const week = weekdays.map((_, d) => {
    const from = BigInt(d) * 86_400n;
    return p.mode === 'flex_week' ? of(p.segments.filter((s) => n(s.offset_s) >= from && n(s.offset_s) < from + 86_400n), from) : p.mode === 'flex_day' ? of(p.segments, 0n) : half(text, day);
  });
  const ml = (nl: string) => exactDose({ unit: 'mg', decimals: 3 }, n(nl));
  const mix = c.ingredients.map((i) => ({ key: fresh(), code: String(i.code), conc: concText(drugOf(lib, i.code), n(i.conc_ng_ml)) }));
  return {
    kind, group: groupsFor(lib, c, t.patient_groups)[0] ?? '', spread: p.mode === 'flex_week' ? 'week' : p.mode === 'flex_day' ? 'day' : 'flat', day: runs ? text(day) : '', stretches, week,
    ptm: p.ptm !== undefined, ptmDose: p.ptm ? text(n(p.ptm.volume_nl)) : '', ptmMinutes: p.ptm ? (n(p.ptm.duration_s) / 60n).toString() : '5',
    ptmLockout: p.ptm ? (n(p.ptm.lockout_s) / 60n).toString() : '240', ptmMax: p.ptm ? String(p.ptm.max_24h) : '4', bolusDose: '', bolusMinutes: '10',
    low: ml(settings.low_nl), denied: String(settings.ptm_denied), life: '7', reason: '', softLimit: '', softStep: '',
    mix: mix.length > 0 ? mix : [{ key: fresh(), code: '', conc: '' }], lead: code ? String(code) : '', route: c.route || 'intrathecal', filled: '', residual: ml(t.report.volume_nl), rinse: '0', catheter: '',
    prime: c.ingredients.length === 0 ? 'path' : '', primeMinutes: '', volume: ml(t.report.volume_nl), patient: '', site: '', zone: zoneText(t.site_zone_s),
  };
}

/** "+01:00" of seconds east of UTC. */
export function zoneText(s: number): string {
  const a = Math.abs(s);
  return `${s < 0 ? '-' : '+'}${String(Math.floor(a / 3600)).padStart(2, '0')}:${String(Math.floor((a % 3600) / 60)).padStart(2, '0')}`;
}

/** Seconds east of UTC of "+01:00", or null. */
export function readZone(text: string): number | null {
  const m = /^([+-])(0\d|1[0-4]):([0-5]\d)$/.exec(text.trim().replace('−', '-'));
  if (!m) return null;
  const s = Number(m[2]) * 3600 + Number(m[3]) * 60;
  return s > 14 * 3600 ? null : m[1] === '-' ? -s : s;
}
