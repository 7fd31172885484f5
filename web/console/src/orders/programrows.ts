import type { CheckNumber, Contents, DoseProgram, LibraryContent, Limits, Ptm, Settings } from '../api/orders';
import { changeText, concOf, dose, type DrugFacts, drugOf, exactMl, mass, meanDay, ml, moment, mostMass, n, primaryOf, span } from './amounts';
import type { Line, Part, Row } from './diff';
import { alike, byWeekday, dayNames, weekSpan } from './week';
import { modeWord } from './words';

/** The lines of a program: its stretches by day or by weekday, its totals, and the patient's boluses. */

/** What a pump runs, or null of what is not known. */
export interface Side {
  readonly contents: Contents | null;
  readonly program: DoseProgram | null;
  readonly limits: Limits | null;
  readonly settings: Settings | null;
  /** The device's minimum rate, in nL a day. */
  readonly idle: bigint;
  /** What the pump does: 1 infuses, 2 keeps its tubing open, 3 stands; null is not known. */
  readonly run: number | null;
}

/** A program of a side, with what its volumes are of. */
interface Of { readonly program: DoseProgram | null; readonly contents: Contents | null }

export function programParts(prefix: string, old: Side, p: DoseProgram, c: Contents | null, checks: readonly CheckNumber[] | undefined, lib: LibraryContent | null, line: Line, run = 1): Part[] {
  const title = (text: string) => (prefix === '' ? text : `${prefix}${text.toLowerCase()}`);
  const now = { program: p, contents: c };
  return [
    { title: title('Program'), rows: programRows(old, now, lib, line) }, { title: title('In a day'), rows: totalRows(old, { ...now, run }, checks, lib, line) },
    { title: title('Patient boluses'), rows: ptmRows(old, now, lib, line) },
  ];
}

/** A volume as the dose of the ingredient that leads, with the volume behind it. */
function doseText(volume: bigint, c: Contents | null, lib: LibraryContent | null): string {
  if (!c || c.ingredients.length === 0) return exactMl(volume);
  const f = drugOf(lib, primaryOf(c));
  return `${dose(f, mass(volume, concOf(c, primaryOf(c))))} ${f.unit} in ${ml(volume, 6)} mL`;
}

function programRows(old: Of, now: Of, lib: LibraryContent | null, line: Line): Row[] {
  const { program: was } = old;
  const p = now.program!;
  const rows = [line('Mode', was && (modeWord[was.mode] ?? was.mode), modeWord[p.mode] ?? p.mode)];
  const cycle = (of: DoseProgram | null) => (of && n(of.cycle_s) > 0n ? span(of.cycle_s) : null);
  if (cycle(p) ?? cycle(was)) rows.push(line('Repeats every', cycle(was), cycle(p), { absent: 'nothing repeats' }));
  rows.push(...(p.mode === 'flex_week' || was?.mode === 'flex_week' ? weekRows(old, now, lib, line) : stretchRows(old, now, lib, line)));
  const follows = (of: DoseProgram | null) => (of?.then ? modeWord[of.then] ?? of.then : null);
  if (p.then || was?.then) rows.push(line('Then', follows(was), follows(p)));
  return rows;
}

/** Stretches side by side; those of other times stand in lines of their own. */
function stretchRows(old: Of, now: Of, lib: LibraryContent | null, line: Line): Row[] {
  const week = old.program?.mode === 'flex_week' || now.program?.mode === 'flex_week';
  const name = (s: { offset_s: string; duration_s: string }) => (week ? weekSpan(s as never) : `${moment(n(s.offset_s))}–${moment(n(s.offset_s) + n(s.duration_s))}`);
  const all = (of: Of) => new Map((of.program?.segments ?? []).map((s) => [name(s), { at: n(s.offset_s), volume: n(s.volume_nl) }]));
  const [a, b] = [all(old), all(now)];
  const at = (k: string) => b.get(k)?.at ?? a.get(k)?.at ?? 0n;
  const names = [...new Set([...b.keys(), ...a.keys()])].toSorted((x, y) => (at(x) < at(y) ? -1 : at(x) > at(y) ? 1 : 0));
  return names.map((k) => amount(k, a.get(k)?.volume ?? null, b.get(k)?.volume ?? null, old, now, lib, line));
}

/** By weekday: days that are alike on both sides in one line, and what each of them gives in all. */
function weekRows(old: Of, now: Of, lib: LibraryContent | null, line: Line): Row[] {
  const [a, b] = [byWeekday(old.program), byWeekday(now.program)];
  // A stretch over midnight belongs to no day: then each has a line, with its weekdays.
  if ((old.program?.mode === 'flex_week' && !a) || (now.program?.mode === 'flex_week' && !b)) return stretchRows(old, now, lib, line);
  return alike(a, b).flatMap((days) => {
    const name = dayNames(days);
    const [was, is] = [a?.[days[0]!] ?? null, b?.[days[0]!] ?? null];
    const volume = (all: typeof was, key: string) => all?.find((x) => x.key === key)?.volume ?? null;
    // What comes, and then what ends.
    const keys = [...new Set([...(is ?? []), ...(was ?? [])].map((s) => s.key))];
    const rows = keys.map((k) => amount(`${name} ${k}`, volume(was, k), volume(is, k), old, now, lib, line));
    return keys.length > 1 ? [...rows, amount(`${name}, in all`, sumOf(was), sumOf(is), old, now, lib, line)] : rows;
  });
}

const sumOf = (all: readonly { volume: bigint }[] | null): bigint | null => (all && all.length > 0 ? all.reduce((v, s) => v + s.volume, 0n) : null);

/** The doses of two stretches and by how much they differ, if they are of the same drug. */
function amount(name: string, was: bigint | null, is: bigint | null, old: Of, now: Of, lib: LibraryContent | null, line: Line): Row {
  const text = (v: bigint | null, c: Contents | null) => (v === null ? null : doseText(v, c, lib));
  const [a, b] = [old, now].map((s) => (s.contents && s.contents.ingredients.length > 0 ? { code: primaryOf(s.contents), conc: concOf(s.contents, primaryOf(s.contents)) } : null));
  const change = was !== null && is !== null && a && b && a.code === b.code ? { change: doseChange(drugOf(lib, a.code), mass(was, a.conc), mass(is, b.conc)) } : {};
  return line(name, text(was, old.contents), text(is, now.contents), { absent: 'no such stretch', ...change });
}

/** By how much a dose changes; another fluid brings the same one in another volume. */
const doseChange = (f: DrugFacts, was: bigint, is: bigint): string => (dose(f, was) === dose(f, is) ? 'in volume only' : changeText(was, is));

/** A mass of 24 hours of a program at a concentration. */
type Figure = (p: DoseProgram, conc: bigint) => bigint;

/** At the minimum rate and stopped nothing is programmed; what the tubing is kept open with is no dose that somebody set. */
const idle: Partial<Record<string, string>> = { minimum: 'only the minimum rate', stopped: 'nothing' };

function totalRows(old: Side, now: Of & { readonly run: number }, checks: readonly CheckNumber[] | undefined, lib: LibraryContent | null, line: Line): Row[] {
  const rows: Row[] = [];
  const p = now.program!;
  // A program that is kept and does not run gives nothing.
  const rest = (of: DoseProgram, run: number | null) => (run === 3 ? idle.stopped : run === 2 ? idle.minimum : idle[of.mode]);
  const codes = [...new Set([...(now.contents?.ingredients ?? []), ...(old.contents?.ingredients ?? [])].map((i) => i.code))];
  for (const code of codes) {
    const f = drugOf(lib, code);
    const text = (v: bigint) => `${dose(f, v)} ${f.unit}`;
    const has = (of: Of) => of.contents?.ingredients.some((i) => i.code === code) ?? false;
    const side = (of: Of, figure: Figure): bigint | null => (of.program && has(of) ? figure(of.program, concOf(of.contents, code)) : null);
    const check = checks?.find((x) => x.code === code);
    // A number that nobody signed is not made up here, unless the order signs none at all.
    const signed = checks === undefined || checks.length === 0 || check !== undefined;
    const both = (name: string, figure: Figure, said: bigint | undefined) => {
      const before = side(old, figure);
      const after = has(now) ? said ?? side(now, figure) : null;
      const was = before === null ? null : (rest(old.program!, old.run) ?? text(before));
      const is = after === null ? null : !signed ? 'not signed' : said !== undefined && said > 0n ? text(said) : rest(p, now.run) ?? text(after);
      const change = signed && before !== null && after !== null && !rest(p, now.run) && !rest(old.program!, old.run) ? changeText(before, after) : undefined;
      rows.push(line(name, was, is, change ? { change } : {}));
    };
    both(`${f.name} a day`, (of, conc) => mass(meanDay(of), conc), check && n(check.day_ng));
    both(`${f.name} at most, with every patient bolus`, (of, conc) => mostMass(of, conc, old.idle), check && n(check.worst_ng));
  }
  const day = (of: DoseProgram | null, run: number | null) => of && (rest(of, run) ?? `${ml(meanDay(of), 6)} mL`);
  const moves = old.program && !rest(old.program, old.run) && !rest(p, now.run) ? { change: changeText(meanDay(old.program), meanDay(p)) } : {};
  rows.push(line('Volume a day', day(old.program, old.run), day(p, now.run), moves));
  return rows;
}

function ptmRows(old: Of, now: Of, lib: LibraryContent | null, line: Line): Row[] {
  const [a, b] = [old.program, now.program];
  if (!a?.ptm && !b?.ptm) return [line('Allowed', a && 'no', 'no')];
  const of = (p: DoseProgram | null, text: (t: Ptm) => string | null) => (p?.ptm ? text(p.ptm) : null);
  const both = (name: string, text: (t: Ptm) => string | null) => line(name, of(a, text), of(b, text));
  const size = (s: Of) => (s.program?.ptm && s.contents ? doseText(n(s.program.ptm.volume_nl), s.contents, lib) : null);
  const window = (t: Ptm) => (t.window_s ? `${t.max_window ?? 0} in ${span(t.window_s)}` : null);
  const validity = (t: Ptm) => (t.valid_for_s ? span(t.valid_for_s) : null);
  return [
    line('Allowed', a && (a.ptm ? 'yes' : 'no'), b?.ptm ? 'yes' : 'no'),
    line('Dose of one', size(old), size(now)), both('Over', (t) => span(t.duration_s)), both('Lockout', (t) => span(t.lockout_s)), both('At most in 24 h', (t) => String(t.max_24h)),
    ...(of(a, window) || of(b, window) ? [both('And at most', window)] : []), ...(of(a, validity) || of(b, validity) ? [both('Allowed for', validity)] : []),
  ];
}
