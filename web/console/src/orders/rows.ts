import type { CheckNumber, Contents, Dose, DoseProgram, LibraryContent, Limits, Prescription, Ran, Settings, VisitPart } from '../api/orders';
import { exact } from '../units/quantity';
import { stamp } from '../units/time';
import { changeText, concOf, concText, dose, drugOf, exactMl, mass, meanDay, ml, mostMass, n, plainDose, primaryOf, span } from './amounts';
import { alone, type Line, lines, type Part, type Row } from './diff';
import { cleared } from './path';
import { programParts, type Side } from './programrows';
import { groupWord, runWords, severityWord } from './words';

/** What a document is bound to: for machines first, and for whoever compares two of them. */
export const BOUND = 'What it is bound to';

/** Names of ids, as far as somebody has checked that the id is of the name. */
export interface Names {
  readonly patient?: string | null;
  readonly site?: string | null;
  readonly to?: string | null;
}

/** Every setting of an order as a line: what runs now, what is asked for, and how they differ. What an order leaves as it is stands beside what it changes, where it is known what runs. */
export function partsOf(p: Prescription, therapy: Ran | null, lib: LibraryContent | null, names: Names = {}): Part[] {
  const old: Side = therapy ? { contents: therapy.report.state.contents, program: therapy.report.state.program, limits: therapy.report.limits, settings: therapy.report.state.settings, idle: n(therapy.range.idle_rate_nl_day), run: therapy.report.state.run } : { contents: null, program: null, limits: null, settings: null, idle: 0n, run: null };
  const line = lines(therapy !== null);
  const out: Part[] = [];
  const state = stateRows(p, therapy, line);
  if (state.length > 0) out.push({ title: 'The pump', rows: state });
  if (p.visit) out.push(...visitParts(p.visit, old, therapy, lib, line));
  if (p.act === 'bind') {
    out.push({ title: 'Patient', rows: [
      line('Patient', therapy ? therapy.patient ?? 'nobody' : null, names.patient ?? (therapy?.report.patient === p.patient ? therapy.patient : null) ?? `id ${p.patient.slice(0, 8)}`), epoch(p, line),
    ] });
  }
  if (p.contents) out.push({ title: 'In the reservoir', rows: contentRows(old.contents, p.contents, lib, line) });
  if (p.program) out.push(...programParts('', old, p.program, p.contents ?? old.contents, p.checks, lib, line, runAfter(p, therapy)));
  if (p.dose) out.push({ title: p.act === 'prime' ? 'Priming bolus' : 'Bolus, on top of the program', rows: doseRows(p.dose, p.contents ?? null, lib, line) });
  if (p.bridge) out.push({ title: 'Bridge, of the old fluid', rows: bridgeRows(p.bridge, therapy, lib, line) });
  if (p.checks && p.checks.length > 0 && !p.program) out.push({ title: 'In all', rows: checkRows(p.checks, old, lib, line) });
  else if (p.checks?.some((c) => n(c.bridge_ng) > 0n || n(c.once_ng) > 0n)) out.push({ title: 'Given once', rows: onceRows(p.checks, lib, line) });
  if (p.settings) out.push({ title: 'Alarm settings', rows: settingRows(old.settings, p.settings, line) });
  if (p.limits) out.push({ title: 'Hard limits that the pump keeps', rows: limitRows(old.limits, p.limits, lib, line) });
  if (p.volume_nl) out.push({ title: 'Reservoir', rows: [line('Volume in it', therapy && reckoned(therapy), exactMl(p.volume_nl))] });
  if (p.transfer) {
    out.push({ title: 'Transfer', rows: [
      line('Site', named(names.site, p.site), named(names.to, p.transfer.site)), line('Keyset', 'this site’s', `the new site’s: ${p.transfer.keyset.length / 2} bytes, ending in ${p.transfer.keyset.slice(-16)}`), epoch(p, line),
    ] });
  }
  if (p.zone_s !== undefined) {
    out.push({ title: 'Clock', rows: [
      line('Time', therapy && (therapy.report.trusted ? 'as the pump keeps it' : 'not trusted by the pump'), 'the moment of the release'),
      line('Time zone', therapy && `not told by the pump; the site has ${zoneText(therapy.site_zone_s)}`, zoneText(p.zone_s)),
    ] });
  }
  if (therapy && therapy.report.state.contents.ingredients.length > 0) out.push(...keptParts(p, old, therapy, lib, line));
  out.push({ title: 'Order', rows: [
    ...(p.group ? [alone('Limits of the group', groupWord[p.group] ?? p.group)] : []),
    alone('Valid from', stamp(p.not_before * 1000)), alone('Valid until', stamp(p.expires * 1000)),
    alone('Reason', p.reason ?? 'none given'),
    ...(p.flags ?? []).map((f) => alone(flagWord[f.code] ?? `Override ${f.code}`, f.reason)),
  ] });
  out.push({ title: BOUND, rows: [
    alone('Pump', p.serial), alone('Key of the pump', p.pump), alone('Site', p.site), alone('Patient', p.patient), alone('Epoch', String(p.epoch)), alone('What the pump ran', p.state),
    ...(p.library ? [alone('Drug library', p.library)] : []), ...(p.window ? [alone('Window', p.window)] : []), alone('Keyset, at least', String(p.keyset)), alone('Document', p.id),
  ] });
  return out;
}

/** Nobody has measured it: more digits would be made up. */
const reckoned = (t: Ran) => `${ml(n(t.report.volume_nl), 2)} mL, as the pump reckons`;

const named = (name: string | null | undefined, id: string) => (name ? `${name}, id ${id}` : `id ${id}`);

/** The pump counts a life of its own for each patient and site; orders of an older one end with it. */
const epoch = (p: Prescription, line: Line) => line('Epoch of the pump', String(p.epoch), String(p.epoch + 1));

const ordered = 'an order';
/** Whether it infuses, and whether an order stands behind what it runs. */
function stateRows(p: Prescription, t: Ran | null, line: Line): Row[] {
  const word = (run: number) => runWords[run] ?? 'not known';
  const rows: Row[] = moves(p) || t ? [line('It is', t && word(t.report.state.run), word(runAfter(p, t)))] : [];
  if (t?.report.foreign) rows.push(line('Programmed by', 'another maker’s programmer', p.act === 'adopt' || p.act === 'program' || p.act === 'visit' ? ordered : 'another maker’s programmer'));
  return rows;
}

/** Acts that say what runs; all others leave it. */
const moves = (p: Prescription) => p.act === 'program' || p.act === 'visit' || p.act === 'erase' || p.act === 'resume';
const runOf = (g: DoseProgram | undefined): number => (g?.mode === 'stopped' ? 3 : g?.mode === 'minimum' ? 2 : 1);
/** What the pump does when the order has been applied: 1 infuses, 2 keeps its tubing open, 3 stands. */
const runAfter = (p: Prescription, t: Ran | null): number => (moves(p) ? runOf(p.visit?.planned.program ?? p.program ?? t?.report.state.program) : t?.report.state.run ?? 1);

/** What an order does not touch. */
function keptParts(p: Prescription, old: Side, t: Ran, lib: LibraryContent | null, line: Line): Part[] {
  const out: Part[] = [];
  if (p.visit) return out;
  if (!p.contents && old.contents) out.push({ title: 'In the reservoir', rows: contentRows(old.contents, old.contents, lib, line) });
  if (!p.program && old.program) out.push(...programParts('', old, old.program, old.contents, undefined, lib, line, runAfter(p, t)));
  if (!p.settings && old.settings) out.push({ title: 'Alarm settings', rows: settingRows(old.settings, old.settings, line) });
  if (!p.limits && old.limits) out.push({ title: 'Hard limits that the pump keeps', rows: limitRows(old.limits, old.limits, lib, line) });
  return out;
}

const flagWord: Record<number, string> = { 1: 'Soft limit passed because', 2: 'Soft step limit passed because' };

/** "UTC+01:00". */
function zoneText(s: number): string {
  const away = Math.abs(s);
  const two = (v: number) => String(v).padStart(2, '0');
  return `UTC${s < 0 ? '−' : '+'}${two(Math.floor(away / 3600))}:${two(Math.floor((away % 3600) / 60))}${away % 60 === 0 ? '' : `:${two(away % 60)}`}`;
}

/** One of these runs beside what runs now, so that each of its lines is new. */
function doseRows(d: Dose, c: Contents | null, lib: LibraryContent | null, line: Line): Row[] {
  return [
    ...(c?.ingredients ?? []).map((i) => { const f = drugOf(lib, i.code); return line(f.name, null, `${dose(f, mass(n(d.volume_nl), n(i.conc_ng_ml)))} ${f.unit}`); }),
    line('Volume', null, exactMl(d.volume_nl)), line('Over', null, span(d.duration_s)),
  ];
}

/** A bridge; where one runs or waits already, what is left of it in its place, by what the pump had delivered when it said so. */
function bridgeRows(d: Dose, t: Ran | null, lib: LibraryContent | null, line: Line): Row[] {
  if (!t?.report.bridge) return doseRows(d, null, lib, line);
  const last = t.report.path?.at(-1);
  const takes = cleared(t.report);
  return [line('Volume', last ? `${exactMl(last.left_nl)} left` : 'what is left of a running one', exactMl(d.volume_nl)), line('Over', takes === null ? 'at its rate' : span(takes.toString()), span(d.duration_s))];
}

/** The check numbers of an order without a program: of a bolus or a priming, or of what runs and is adopted. */
function checkRows(all: readonly CheckNumber[], old: Side, lib: LibraryContent | null, line: Line): Row[] {
  const rows = all.flatMap((c) => {
    const f = drugOf(lib, c.code);
    const was = (of: (p: DoseProgram, conc: bigint) => bigint) => (old.program && concOf(old.contents, c.code) > 0n ? `${plainDose(f, of(old.program, concOf(old.contents, c.code)))} ${f.unit}` : null);
    return [...(n(c.day_ng) > 0n ? [line(`${f.name} a day`, was((p, conc) => mass(meanDay(p), conc)), `${plainDose(f, n(c.day_ng))} ${f.unit}`)] : []), ...(n(c.worst_ng) > 0n ? [line(`${f.name} at most in a day`, was((p, conc) => mostMass(p, conc, old.idle)), `${plainDose(f, n(c.worst_ng))} ${f.unit}`)] : [])];
  });
  return [...rows, ...onceRows(all, lib, line)];
}

function onceRows(all: readonly CheckNumber[], lib: LibraryContent | null, line: Line): Row[] {
  return all.flatMap((c) => {
    const f = drugOf(lib, c.code);
    return [
      ...(n(c.once_ng) > 0n ? [line(`${f.name} at once`, null, `${plainDose(f, n(c.once_ng))} ${f.unit}`)] : []), ...(n(c.bridge_ng) > 0n ? [line(`${f.name} in the bridge`, null, `${plainDose(f, n(c.bridge_ng))} ${f.unit}`)] : []),
    ];
  });
}

/** A refill with both of its approved outcomes, whole: one of them will run. */
function visitParts(v: VisitPart, old: Side, t: Ran | null, lib: LibraryContent | null, line: Line): Part[] {
  const b = v.bounds;
  const out: Part[] = [{ title: 'Refill', rows: [
    alone('Aspirated, if as planned', `${exactMl(b.aspirated_min_nl)} to ${exactMl(b.aspirated_max_nl)}`),
    line('In the reservoir, if as planned', t && reckoned(t), `${exactMl(b.filled_min_nl)} to ${exactMl(b.filled_max_nl)} filled in`),
    line('Rinse', null, v.rinse_nl ? exactMl(v.rinse_nl) : null),
  ] }];
  for (const [name, branch] of [['As planned', v.planned], ['Same dose', v.same]] as const) {
    out.push({ title: `${name}: in the reservoir`, rows: contentRows(old.contents, branch.contents, lib, line) }, ...programParts(`${name}: `, old, branch.program, branch.contents, branch.checks, lib, line, runOf(branch.program)));
    if (branch.prime) out.push({ title: `${name}: priming bolus`, rows: doseRows(branch.prime, branch.contents, lib, line) });
    if (branch.bridge) out.push({ title: `${name}: bridge, of the old fluid`, rows: bridgeRows(branch.bridge, t, lib, line) });
    const once = onceRows(branch.checks, lib, line);
    if (once.length > 0) out.push({ title: `${name}: given once`, rows: once });
    out.push({ title: `${name}: hard limits that the pump keeps`, rows: limitRows(old.limits, branch.limits, lib, line) });
  }
  return out;
}

const deniedText = (s: Settings) => (s.ptm_denied === 0 ? 'never' : `${s.ptm_denied} in 24 h`);

function settingRows(a: Settings | null, b: Settings, line: Line): Row[] {
  return [line('Low-reservoir alarm at', a && exactMl(a.low_nl), exactMl(b.low_nl)), line('Alarm on denied patient boluses, above', a && deniedText(a), deniedText(b))];
}

function contentRows(a: Contents | null, b: Contents, lib: LibraryContent | null, line: Line): Row[] {
  const codes = [...new Set([...(a?.ingredients ?? []), ...b.ingredients].map((i) => i.code))];
  const conc = (c: Contents | null, code: number) => {
    const i = c?.ingredients.find((x) => x.code === code);
    const f = drugOf(lib, code);
    return i ? `${concText(f, n(i.conc_ng_ml))} ${f.unit}/mL` : null;
  };
  const leads = (c: Contents | null) => (c && c.ingredients.length > 0 ? drugOf(lib, primaryOf(c)).name : null);
  const mixed = (a?.ingredients.length ?? 0) > 1 || b.ingredients.length > 1;
  return [...codes.map((code) => line(drugOf(lib, code).name, conc(a, code), conc(b, code))), ...(mixed ? [line('Leads, and is what doses are written of', leads(a), leads(b))] : []), line('Route', a && (a.ingredients.length > 0 ? a.route : null), b.route)];
}

function limitRows(a: Limits | null, b: Limits, lib: LibraryContent | null, line: Line): Row[] {
  const of = (l: Limits | null, code: number) => l?.ingredients.find((x) => x.code === code);
  const most = (name: string, code: number, field: 'max_24h_ng' | 'max_1h_ng') => {
    const [was, is, f] = [of(a, code), of(b, code), drugOf(lib, code)];
    const text = (l: typeof was) => (l ? `${plainDose(f, n(l[field]))} ${f.unit}` : null);
    return line(`${f.name}, most in ${name}`, text(was), text(is), was && is ? { change: changeText(n(was[field]), n(is[field])) } : {});
  };
  const harm = (l: Limits | null, code: number) => { const w = of(l, code)?.withdrawal; return w ? severityWord[w] ?? w : null; };
  const codes = [...new Set([...(a?.ingredients ?? []), ...b.ingredients].map((i) => i.code))];
  const maybe = (name: string, of: (l: Limits) => string | null): Row[] => {
    const [was, is] = [a ? of(a) : null, of(b)];
    return was || is ? [line(name, was ?? 'the device’s own', is ?? 'the device’s own')] : [];
  };
  return [
    ...codes.flatMap((code) => [most('24 h', code, 'max_24h_ng'), most('1 h', code, 'max_1h_ng'), line(`${drugOf(lib, code).name}, when it ends abruptly`, harm(a, code), harm(b, code))]),
    ...maybe('Highest rate', (l) => (l.max_rate_nl_day ? `${exact(n(l.max_rate_nl_day), 1_000_000n)} mL/day` : null)),
    ...maybe('Shortest lockout', (l) => (l.ptm_min_lockout_s ? span(l.ptm_min_lockout_s) : null)), ...maybe('Patient boluses in 24 h, at most', (l) => (l.ptm_max_24h ? String(l.ptm_max_24h) : null)),
  ];
}
