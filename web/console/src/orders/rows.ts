import type { Contents, DoseProgram, LibraryContent, Limits, Prescription, Settings, Therapy } from '../api/orders';
import { stamp } from '../units/time';
import { changeText, concText, drugOf, dose, hhmm, mass, meanDay, ml, mostDay, n, plainDose, primaryOf, seconds } from './amounts';
import { groupWord, modeWord } from './words';

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

export function partsOf(p: Prescription, therapy: Therapy | null, lib: LibraryContent | null): Part[] {
  const old: Side = therapy ? { contents: therapy.report.state.contents, program: therapy.report.state.program, limits: therapy.report.limits, settings: therapy.report.state.settings } : { contents: null, program: null, limits: null, settings: null };
  const compared = therapy !== null;
  const out: Part[] = [];
  const line = (name: string, a: string | null, b: string | null, change?: string): Row => ({ name, old: compared ? a ?? 'none' : null, now: b ?? 'none', ...(change ? { change } : {}) });
  if (p.contents) out.push({ title: 'In the reservoir', rows: contentRows(old.contents, p.contents, lib, line) });
  if (p.program) {
    const contents = p.contents ?? old.contents;
    out.push({ title: 'Program', rows: programRows(old, p.program, contents, lib, line) });
    out.push({ title: 'In a day', rows: totalRows(old, p, contents, lib, line) });
    out.push({ title: 'Patient boluses', rows: ptmRows(old.program, old.contents, p.program, contents, lib, line) });
  }
  if (p.dose && p.contents) {
    const d = p.dose;
    out.push({ title: p.act === 'prime' ? 'Priming bolus' : 'Bolus', rows: [
      ...p.contents.ingredients.map((i) => { const f = drugOf(lib, i.code); return line(f.name, null, `${dose(f, mass(n(d.volume_nl), n(i.conc_ng_ml)))} ${f.unit}`); }),
      line('Volume', null, `${ml(n(d.volume_nl), 6)} mL`), line('Over', null, seconds(d.duration_s)),
    ] });
  }
  if (p.bridge) out.push({ title: 'Bridge', rows: [line('Volume', null, `${ml(n(p.bridge.volume_nl), 6)} mL`), line('Over', null, seconds(p.bridge.duration_s))] });
  if (p.settings) {
    out.push({ title: 'Alarm settings', rows: [
      line('Low-reservoir alarm at', old.settings && `${ml(n(old.settings.low_nl))} mL`, `${ml(n(p.settings.low_nl))} mL`),
      line('Alarm on denied patient boluses, above', old.settings && deniedText(old.settings), deniedText(p.settings)),
    ] });
  }
  if (p.limits) out.push({ title: 'Hard limits that the pump keeps', rows: limitRows(old.limits, p.limits, lib, line) });
  if (p.act === 'adopt') out.push({ title: 'Reservoir', rows: [line('Volume', null, `${ml(n(p.volume_nl))} mL`)] });
  out.push({ title: 'Order', rows: [
    ...(p.group ? [{ name: 'Limits of the group', old: null, now: groupWord[p.group] ?? p.group }] : []),
    { name: 'Valid until', old: null, now: stamp(p.expires * 1000) },
    { name: 'Reason', old: null, now: p.reason ?? 'none given' },
    ...(p.flags ?? []).map((f) => ({ name: f.code === 2 ? 'Soft step limit passed because' : 'Soft limit passed because', old: null, now: f.reason })),
  ] });
  return out;
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
  if (n(p.cycle_s) > 0n || n(old.program?.cycle_s) > 0n) rows.push(line('Repeats every', old.program && seconds(old.program.cycle_s), seconds(p.cycle_s)));
  const text = (of: DoseProgram | null, contents: Contents | null, key: string) => {
    const s = of?.segments.find((x) => spanOf(x) === key);
    if (!s || !contents) return null;
    const code = primaryOf(contents);
    const f = drugOf(lib, code);
    const conc = n(contents.ingredients.find((i) => i.code === code)?.conc_ng_ml);
    return `${dose(f, mass(n(s.volume_nl), conc))} ${f.unit} in ${ml(n(s.volume_nl), 6)} mL`;
  };
  const keys = [...new Set([...(p.segments ?? []), ...(old.program?.segments ?? [])].map(spanOf))].toSorted();
  for (const k of keys) rows.push(line(k, text(old.program, old.contents, k), text(p, c, k)));
  return rows;
}
const spanOf = (s: { offset_s: string; duration_s: string }) => `${hhmm(s.offset_s)}–${hhmm(n(s.offset_s) + n(s.duration_s))}`;

function totalRows(old: Side, p: Prescription, c: Contents | null, lib: LibraryContent | null, line: Line): Row[] {
  const rows: Row[] = [];
  for (const i of c?.ingredients ?? []) {
    const f = drugOf(lib, i.code);
    const was = old.contents?.ingredients.find((x) => x.code === i.code);
    const before = was && old.program ? mass(meanDay(old.program), n(was.conc_ng_ml)) : null;
    const check = p.checks?.find((x) => x.code === i.code);
    const after = check ? n(check.day_ng) : mass(meanDay(p.program!), n(i.conc_ng_ml));
    rows.push(line(`${f.name} a day`, before === null ? null : `${dose(f, before)} ${f.unit}`, `${dose(f, after)} ${f.unit}`, before === null ? undefined : changeText(before, after)));
    const worstBefore = was && old.program ? mass(mostDay(old.program), n(was.conc_ng_ml)) : null;
    const worst = check ? n(check.worst_ng) : mass(mostDay(p.program!), n(i.conc_ng_ml));
    rows.push(line(`${f.name} at most, with every patient bolus`, worstBefore === null ? null : `${dose(f, worstBefore)} ${f.unit}`, `${dose(f, worst)} ${f.unit}`));
  }
  rows.push(line('Volume a day', old.program && `${ml(meanDay(old.program), 6)} mL`, `${ml(meanDay(p.program!), 6)} mL`));
  return rows;
}

function ptmRows(a: DoseProgram | null, ac: Contents | null, b: DoseProgram, bc: Contents | null, lib: LibraryContent | null, line: Line): Row[] {
  const size = (p: DoseProgram | null, c: Contents | null) => {
    if (!p?.ptm || !c) return null;
    const code = primaryOf(c);
    const f = drugOf(lib, code);
    return `${dose(f, mass(n(p.ptm.volume_nl), n(c.ingredients.find((i) => i.code === code)?.conc_ng_ml)))} ${f.unit}`;
  };
  if (!a?.ptm && !b.ptm) return [line('Allowed', a && 'no', 'no')];
  return [
    line('Dose of one', size(a, ac), size(b, bc)), line('Over', a?.ptm ? seconds(a.ptm.duration_s) : null, b.ptm ? seconds(b.ptm.duration_s) : null),
    line('Lockout', a?.ptm ? seconds(a.ptm.lockout_s) : null, b.ptm ? seconds(b.ptm.lockout_s) : null),
    line('At most in 24 h', a?.ptm ? String(a.ptm.max_24h) : null, b.ptm ? String(b.ptm.max_24h) : null),
  ];
}

function limitRows(a: Limits | null, b: Limits, lib: LibraryContent | null, line: Line): Row[] {
  const text = (l: Limits | null, code: number) => {
    const i = l?.ingredients.find((x) => x.code === code);
    const f = drugOf(lib, code);
    return i ? `${plainDose(f, n(i.max_24h_ng))} ${f.unit} in 24 h, ${plainDose(f, n(i.max_1h_ng))} ${f.unit} in 1 h` : null;
  };
  const codes = [...new Set([...(a?.ingredients ?? []), ...b.ingredients].map((i) => i.code))];
  return codes.map((code) => line(drugOf(lib, code).name, text(a, code), text(b, code)));
}
