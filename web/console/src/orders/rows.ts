import type { CheckNumber, Contents, Dose, DoseProgram, LibraryContent, Limits, Prescription, Ptm, Settings, Therapy, VisitPart } from '../api/orders';
import { exact } from '../units/quantity';
import { stamp } from '../units/time';
import { changeText, concText, drugOf, dose, mass, meanDay, ml, moment, mostDay, n, plainDose, primaryOf, span } from './amounts';
import { groupWord, modeWord, severityWord } from './words';

/** Every setting of an order as a line: what runs now, what is asked for, and whether they differ. */
export interface Row {
  readonly name: string;
  readonly old: string | null;
  readonly now: string | null;
  readonly change?: string;
}
export interface Part {
  readonly title: string;
  readonly rows: Row[];
}

interface Side {
  readonly contents: Contents | null;
  readonly program: DoseProgram | null;
  readonly limits: Limits | null;
  readonly settings: Settings | null;
}

/** What a document is bound to: for machines first, and for whoever compares two of them. */
export const BOUND = 'What it is bound to';

/** patient names whom a bind order is for. What an order leaves as it is stands beside what it changes, where it is known what runs. */
export function partsOf(p: Prescription, therapy: Therapy | null, lib: LibraryContent | null, patient?: string): Part[] {
  const old: Side = therapy ? { contents: therapy.report.state.contents, program: therapy.report.state.program, limits: therapy.report.limits, settings: therapy.report.state.settings } : { contents: null, program: null, limits: null, settings: null };
  const compared = therapy !== null;
  const out: Part[] = [];
  const line = (name: string, a: string | null, b: string | null, change?: string): Row => ({ name, old: compared ? a ?? 'none' : null, now: b ?? 'none', ...(change ? { change } : {}) });
  const alone = (name: string, now: string): Row => ({ name, old: null, now });
  if (p.visit) out.push(...visitParts(p.visit, old, lib, line, alone));
  if (p.act === 'bind') out.push({ title: 'Patient', rows: [line('Patient', therapy?.patient ?? null, patient || (therapy?.report.patient === p.patient ? therapy.patient : null) || `id ${p.patient.slice(0, 8)}`)] });
  const contents = p.contents ?? old.contents;
  if (p.contents) out.push({ title: 'In the reservoir', rows: contentRows(old.contents, p.contents, lib, line) });
  if (p.program) out.push(...programParts('', old, p.program, contents, p.checks, lib, line));
  if (p.dose) out.push({ title: p.act === 'prime' ? 'Priming bolus' : 'Bolus', rows: doseRows(p.dose, p.contents ?? null, lib, alone) });
  if (p.bridge) out.push({ title: 'Bridge, of the old fluid', rows: doseRows(p.bridge, null, lib, alone) });
  if (p.checks && p.checks.length > 0 && !p.program) out.push({ title: 'In all', rows: checkRows(p.checks, lib, alone) });
  else if (p.checks?.some((c) => n(c.bridge_ng) > 0n || n(c.once_ng) > 0n)) out.push({ title: 'Given once', rows: onceRows(p.checks, lib, alone) });
  if (p.settings) {
    out.push({ title: 'Alarm settings', rows: [
      line('Low-reservoir alarm at', old.settings && exactMl(old.settings.low_nl), exactMl(p.settings.low_nl)),
      line('Alarm on denied patient boluses, above', old.settings && deniedText(old.settings), deniedText(p.settings)),
    ] });
  }
  if (p.limits) out.push({ title: 'Hard limits that the pump keeps', rows: limitRows(old.limits, p.limits, lib, line) });
  if (p.volume_nl) out.push({ title: 'Reservoir', rows: [alone('Volume', exactMl(p.volume_nl))] });
  if (p.transfer) out.push({ title: 'Transfer', rows: [alone('To site', p.transfer.site), alone('Its keyset', `${p.transfer.keyset.length / 2} bytes, ending in ${p.transfer.keyset.slice(-16)}`)] });
  if (p.zone_s !== undefined) out.push({ title: 'Clock', rows: [alone('Time zone', zoneText(p.zone_s))] });
  if (therapy && therapy.report.state.contents.ingredients.length > 0) out.push(...keptParts(p, old, lib, line));
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

/** What an order does not touch. */
function keptParts(p: Prescription, old: Side, lib: LibraryContent | null, line: Line): Part[] {
  const out: Part[] = [];
  if (p.visit) return out;
  if (!p.contents && old.contents) out.push({ title: 'In the reservoir', rows: contentRows(old.contents, old.contents, lib, line) });
  if (!p.program && old.program) out.push(...programParts('', old, old.program, old.contents, undefined, lib, line));
  if (!p.settings && old.settings) {
    out.push({ title: 'Alarm settings', rows: [
      line('Low-reservoir alarm at', exactMl(old.settings.low_nl), exactMl(old.settings.low_nl)), line('Alarm on denied patient boluses, above', deniedText(old.settings), deniedText(old.settings)),
    ] });
  }
  if (!p.limits && old.limits) out.push({ title: 'Hard limits that the pump keeps', rows: limitRows(old.limits, old.limits, lib, line) });
  return out;
}

const flagWord: Record<number, string> = { 1: 'Soft limit passed because', 2: 'Soft step limit passed because' };
const exactMl = (nl: string) => `${exact(n(nl), 1_000_000n)} mL`;

/** "UTC+01:00". */
function zoneText(s: number): string {
  const away = Math.abs(s);
  const two = (v: number) => String(v).padStart(2, '0');
  return `UTC${s < 0 ? '−' : '+'}${two(Math.floor(away / 3600))}:${two(Math.floor((away % 3600) / 60))}${away % 60 === 0 ? '' : `:${two(away % 60)}`}`;
}

type Alone = (name: string, now: string) => Row;

function doseRows(d: Dose, c: Contents | null, lib: LibraryContent | null, alone: Alone): Row[] {
  return [
    ...(c?.ingredients ?? []).map((i) => { const f = drugOf(lib, i.code); return alone(f.name, `${dose(f, mass(n(d.volume_nl), n(i.conc_ng_ml)))} ${f.unit}`); }),
    alone('Volume', exactMl(d.volume_nl)), alone('Over', span(d.duration_s)),
  ];
}

/** The check numbers of an order without a program. */
function checkRows(all: readonly CheckNumber[], lib: LibraryContent | null, alone: Alone): Row[] {
  const rows = all.flatMap((c) => {
    const f = drugOf(lib, c.code);
    return [...(n(c.day_ng) > 0n ? [alone(`${f.name} a day`, `${plainDose(f, n(c.day_ng))} ${f.unit}`)] : []), ...(n(c.worst_ng) > 0n ? [alone(`${f.name} at most in a day`, `${plainDose(f, n(c.worst_ng))} ${f.unit}`)] : [])];
  });
  return [...rows, ...onceRows(all, lib, alone)];
}

function onceRows(all: readonly CheckNumber[], lib: LibraryContent | null, alone: Alone): Row[] {
  return all.flatMap((c) => {
    const f = drugOf(lib, c.code);
    return [
      ...(n(c.once_ng) > 0n ? [alone(`${f.name} at once`, `${plainDose(f, n(c.once_ng))} ${f.unit}`)] : []), ...(n(c.bridge_ng) > 0n ? [alone(`${f.name} in the bridge`, `${plainDose(f, n(c.bridge_ng))} ${f.unit}`)] : []),
    ];
  });
}

/** A refill with both of its approved outcomes, whole: one of them will run. */
function visitParts(v: VisitPart, old: Side, lib: LibraryContent | null, line: Line, alone: Alone): Part[] {
  const b = v.bounds;
  const out: Part[] = [{ title: 'Refill', rows: [
    alone('Aspirated, if as planned', `${exactMl(b.aspirated_min_nl)} to ${exactMl(b.aspirated_max_nl)}`), alone('Filled, if as planned', `${exactMl(b.filled_min_nl)} to ${exactMl(b.filled_max_nl)}`),
    ...(v.rinse_nl ? [alone('Rinse', exactMl(v.rinse_nl))] : []),
  ] }];
  for (const [name, branch] of [['As planned', v.planned], ['Same dose', v.same]] as const) {
    out.push({ title: `${name}: in the reservoir`, rows: contentRows(old.contents, branch.contents, lib, line) }, ...programParts(`${name}: `, old, branch.program, branch.contents, branch.checks, lib, line));
    if (branch.prime) out.push({ title: `${name}: priming bolus`, rows: doseRows(branch.prime, branch.contents, lib, alone) });
    if (branch.bridge) out.push({ title: `${name}: bridge, of the old fluid`, rows: doseRows(branch.bridge, null, lib, alone) });
    const once = onceRows(branch.checks, lib, alone);
    if (once.length > 0) out.push({ title: `${name}: given once`, rows: once });
    out.push({ title: `${name}: hard limits that the pump keeps`, rows: limitRows(old.limits, branch.limits, lib, line) });
  }
  return out;
}

function programParts(prefix: string, old: Side, p: DoseProgram, c: Contents | null, checks: readonly CheckNumber[] | undefined, lib: LibraryContent | null, line: Line): Part[] {
  const title = (text: string) => (prefix === '' ? text : `${prefix}${text.toLowerCase()}`);
  return [
    { title: title('Program'), rows: programRows(old, p, c, lib, line) }, { title: title('In a day'), rows: totalRows(old, p, c, checks, lib, line) },
    { title: title('Patient boluses'), rows: ptmRows(old.program, old.contents, p, c, lib, line) },
  ];
}

type Line = (name: string, a: string | null, b: string | null, change?: string) => Row;
const deniedText = (s: Settings) => (s.ptm_denied === 0 ? 'never' : `${s.ptm_denied} in 24 h`);

function contentRows(a: Contents | null, b: Contents, lib: LibraryContent | null, line: Line): Row[] {
  const codes = [...new Set([...(a?.ingredients ?? []), ...b.ingredients].map((i) => i.code))];
  const conc = (c: Contents | null, code: number) => {
    const i = c?.ingredients.find((x) => x.code === code);
    const f = drugOf(lib, code);
    return i ? `${concText(f, n(i.conc_ng_ml))} ${f.unit}/mL` : null;
  };
  return [...codes.map((code) => line(`${drugOf(lib, code).name}${primaryOf(b) === code && b.ingredients.length > 1 ? ' (leads)' : ''}`, conc(a, code), conc(b, code))), line('Route', a?.route ?? null, b.route)];
}

function programRows(old: Side, p: DoseProgram, c: Contents | null, lib: LibraryContent | null, line: Line): Row[] {
  const rows = [line('Mode', old.program && (modeWord[old.program.mode] ?? old.program.mode), modeWord[p.mode] ?? p.mode)];
  if (n(p.cycle_s) > 0n || n(old.program?.cycle_s) > 0n) rows.push(line('Repeats every', old.program && span(old.program.cycle_s), span(p.cycle_s)));
  const text = (of: DoseProgram | null, contents: Contents | null, key: string) => {
    const s = of?.segments.find((x) => spanOf(x) === key);
    if (!s) return null;
    if (!contents || contents.ingredients.length === 0) return exactMl(s.volume_nl);
    const code = primaryOf(contents);
    const f = drugOf(lib, code);
    const conc = n(contents.ingredients.find((i) => i.code === code)?.conc_ng_ml);
    return `${dose(f, mass(n(s.volume_nl), conc))} ${f.unit} in ${ml(n(s.volume_nl), 6)} mL`;
  };
  const keys = [...new Set([...(p.segments ?? []), ...(old.program?.segments ?? [])].map(spanOf))].toSorted();
  for (const k of keys) rows.push(line(k, text(old.program, old.contents, k), text(p, c, k)));
  const follows = (of: DoseProgram | null) => (of?.then ? modeWord[of.then] ?? of.then : null);
  if (p.then || old.program?.then) rows.push(line('Then', follows(old.program), follows(p)));
  return rows;
}
const spanOf = (s: { offset_s: string; duration_s: string }) => `${moment(n(s.offset_s))}–${moment(n(s.offset_s) + n(s.duration_s))}`;

function totalRows(old: Side, p: DoseProgram, c: Contents | null, checks: readonly CheckNumber[] | undefined, lib: LibraryContent | null, line: Line): Row[] {
  const rows: Row[] = [];
  for (const i of c?.ingredients ?? []) {
    const f = drugOf(lib, i.code);
    const was = old.contents?.ingredients.find((x) => x.code === i.code);
    const before = was && old.program ? mass(meanDay(old.program), n(was.conc_ng_ml)) : null;
    const check = checks?.find((x) => x.code === i.code);
    // A number that nobody signed is not made up here, unless the order signs none at all.
    const signed = checks === undefined || checks.length === 0 || check !== undefined;
    const after = check ? n(check.day_ng) : mass(meanDay(p), n(i.conc_ng_ml));
    rows.push(line(`${f.name} a day`, before === null ? null : `${dose(f, before)} ${f.unit}`, signed ? `${dose(f, after)} ${f.unit}` : 'not signed', before === null || !signed ? undefined : changeText(before, after)));
    const worstBefore = was && old.program ? mass(mostDay(old.program), n(was.conc_ng_ml)) : null;
    const worst = check ? n(check.worst_ng) : mass(mostDay(p), n(i.conc_ng_ml));
    rows.push(line(`${f.name} at most, with every patient bolus`, worstBefore === null ? null : `${dose(f, worstBefore)} ${f.unit}`, signed ? `${dose(f, worst)} ${f.unit}` : 'not signed'));
  }
  rows.push(line('Volume a day', old.program && `${ml(meanDay(old.program), 6)} mL`, `${ml(meanDay(p), 6)} mL`));
  return rows;
}

function ptmRows(a: DoseProgram | null, ac: Contents | null, b: DoseProgram, bc: Contents | null, lib: LibraryContent | null, line: Line): Row[] {
  const size = (p: DoseProgram | null, c: Contents | null) => {
    if (!p?.ptm || !c) return null;
    const code = primaryOf(c);
    const f = drugOf(lib, code);
    return `${dose(f, mass(n(p.ptm.volume_nl), n(c.ingredients.find((i) => i.code === code)?.conc_ng_ml)))} ${f.unit} in ${exactMl(p.ptm.volume_nl)}`;
  };
  if (!a?.ptm && !b.ptm) return [line('Allowed', a && 'no', 'no')];
  const of = (p: DoseProgram | null, text: (t: Ptm) => string | null) => (p?.ptm ? text(p.ptm) : null);
  const both = (name: string, text: (t: Ptm) => string | null) => line(name, of(a, text), of(b, text));
  const window = (t: Ptm) => (t.window_s ? `${t.max_window ?? 0} in ${span(t.window_s)}` : null);
  const validity = (t: Ptm) => (t.valid_for_s ? span(t.valid_for_s) : null);
  return [
    line('Dose of one', size(a, ac), size(b, bc)), both('Over', (t) => span(t.duration_s)), both('Lockout', (t) => span(t.lockout_s)), both('At most in 24 h', (t) => String(t.max_24h)),
    ...(of(a, window) || of(b, window) ? [both('And at most', window)] : []), ...(of(a, validity) || of(b, validity) ? [both('Allowed for', validity)] : []),
  ];
}

function limitRows(a: Limits | null, b: Limits, lib: LibraryContent | null, line: Line): Row[] {
  const text = (l: Limits | null, code: number) => {
    const i = l?.ingredients.find((x) => x.code === code);
    const f = drugOf(lib, code);
    return i ? `${plainDose(f, n(i.max_24h_ng))} ${f.unit} in 24 h, ${plainDose(f, n(i.max_1h_ng))} ${f.unit} in 1 h; ${severityWord[i.withdrawal] ?? i.withdrawal}` : null;
  };
  const codes = [...new Set([...(a?.ingredients ?? []), ...b.ingredients].map((i) => i.code))];
  const maybe = (name: string, of: (l: Limits) => string | null): Row[] => {
    const [was, is] = [a ? of(a) : null, of(b)];
    return was || is ? [line(name, was ?? 'the device’s own', is ?? 'the device’s own')] : [];
  };
  return [
    ...codes.map((code) => line(drugOf(lib, code).name, text(a, code), text(b, code))),
    ...maybe('Highest rate', (l) => (l.max_rate_nl_day ? `${exact(n(l.max_rate_nl_day), 1_000_000n)} mL/day` : null)),
    ...maybe('Shortest lockout', (l) => (l.ptm_min_lockout_s ? span(l.ptm_min_lockout_s) : null)), ...maybe('Patient boluses in 24 h, at most', (l) => (l.ptm_max_24h ? String(l.ptm_max_24h) : null)),
  ];
}
