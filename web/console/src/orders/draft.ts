import type { Contents, DoseProgram, DrugLimit, Group, LibraryContent, Therapy, Wish } from '../api/orders';
import { DAY, drugOf, exactDose, hhmm, mass, meanDay, n, primaryOf, readDose, readTime, volumeOf } from './amounts';

/** What somebody types to propose, as text, and what it comes to. */
export type Kind = 'program' | 'bolus' | 'settings' | 'resume';
export interface Stretch { key: string; from: string; dose: string }
export interface Draft {
  kind: Kind;
  group: Group | '';
  flex: boolean;
  day: string;
  stretches: Stretch[];
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
}

export interface Made {
  wish: Wish | null;
  /** Field → what is wrong with it. */
  wrong: Record<string, string>;
  program: DoseProgram | null;
}

/** The groups that the library has limits of, for everything that is in the pump by its route. */
export function groupsFor(lib: LibraryContent | null, c: Contents, patient: readonly Group[]): Group[] {
  const every: Group[] = ['cancer', 'non_cancer', 'spinal', 'cerebral', 'child'];
  const has = (g: Group) => c.ingredients.every((i) => lib?.drugs.find((d) => d.code === i.code)?.limits?.some((l) => l.group === g && l.route === c.route));
  return every.filter((g) => has(g) && (patient.length === 0 || patient.includes(g)));
}

export const limitFor = (lib: LibraryContent | null, code: number, group: Group | '', route: string): DrugLimit | null =>
  lib?.drugs.find((d) => d.code === code)?.limits?.find((l) => l.group === group && l.route === route) ?? null;

/** The form as the pump runs now: nothing changes until somebody types. */
export function draftOf(t: Therapy, lib: LibraryContent | null, kind: Kind): Draft {
  const { program: p, contents: c, settings } = t.report.state;
  const code = primaryOf(c);
  const f = drugOf(lib, code);
  const conc = n(c.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const text = (nl: bigint) => exactDose(f, mass(nl, conc));
  return {
    kind, group: groupsFor(lib, c, t.patient_groups)[0] ?? '', flex: p.mode === 'flex_day', day: text(meanDay(p)),
    stretches: p.mode === 'flex_day' ? p.segments.map((s) => ({ key: s.offset_s, from: hhmm(s.offset_s), dose: text(n(s.volume_nl)) })) : [{ key: 'a', from: '00:00', dose: text(meanDay(p) / 2n) }, { key: 'b', from: '12:00', dose: text(meanDay(p) / 2n) }],
    ptm: p.ptm !== undefined, ptmDose: p.ptm ? text(n(p.ptm.volume_nl)) : '', ptmMinutes: p.ptm ? (n(p.ptm.duration_s) / 60n).toString() : '5',
    ptmLockout: p.ptm ? (n(p.ptm.lockout_s) / 60n).toString() : '240', ptmMax: p.ptm ? String(p.ptm.max_24h) : '4', bolusDose: '', bolusMinutes: '10',
    low: exactDose({ unit: 'mg', decimals: 3 }, n(settings.low_nl)), denied: String(settings.ptm_denied), life: '7', reason: '', softLimit: '', softStep: '',
  };
}

/** Turns what was typed into a wish, or says field by field why it is none. Doses that were not touched keep their exact volume. */
export function make(d: Draft, t: Therapy, lib: LibraryContent | null): Made {
  const wrong: Record<string, string> = {};
  const { program: old, contents: c, settings } = t.report.state;
  const code = primaryOf(c);
  const f = drugOf(lib, code);
  const conc = n(c.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const was = draftOf(t, lib, d.kind);
  const amount = (name: string, text: string, before: string | null, kept: bigint): bigint => {
    if (before !== null && text === before) return kept;
    const r = readDose(text, f);
    if ('wrong' in r) { wrong[name] = r.wrong; return 0n; }
    if (r.ng === 0n) { wrong[name] = 'More than zero. To give nothing, stop the pump.'; return 0n; }
    return volumeOf(r.ng, conc);
  };
  const whole = (name: string, text: string, least: number, most: number): number => {
    if (!/^(0|[1-9]\d{0,5})$/.test(text.trim()) || Number(text) < least || Number(text) > most) { wrong[name] = `A whole number from ${least} to ${most}.`; return least; }
    return Number(text);
  };
  const reason = d.reason.trim().replaceAll(/\s+/g, ' ');
  if (reason === '') wrong.reason = 'Say why: the others sign it too.';
  const flags = [...(d.softLimit.trim() ? [{ code: 1, reason: d.softLimit.trim() }] : []), ...(d.softStep.trim() ? [{ code: 2, reason: d.softStep.trim() }] : [])];
  const wish: Wish = { act: d.kind, reason, ...(flags.length > 0 ? { flags } : {}) };
  let program: DoseProgram | null = null;
  if (d.kind === 'program') {
    if (d.group === '') wrong.group = 'Choose whose limits hold.';
    else wish.group = d.group;
    program = d.flex ? flexProgram(d, was, old, wrong, amount) : { mode: 'continuous', cycle_s: DAY.toString(), segments: [{ offset_s: '0', duration_s: DAY.toString(), volume_nl: amount('day', d.day, old.mode === 'continuous' ? was.day : null, meanDay(old)).toString() }] };
    if (d.ptm) {
      program = {
        ...program,
        ptm: {
          ...old.ptm, volume_nl: amount('ptmDose', d.ptmDose, old.ptm ? was.ptmDose : null, n(old.ptm?.volume_nl)).toString(),
          duration_s: d.ptmMinutes === was.ptmMinutes && old.ptm ? old.ptm.duration_s : String(whole('ptmMinutes', d.ptmMinutes, 1, 720) * 60),
          lockout_s: d.ptmLockout === was.ptmLockout && old.ptm ? old.ptm.lockout_s : String(whole('ptmLockout', d.ptmLockout, 1, 1440) * 60), max_24h: whole('ptmMax', d.ptmMax, 1, 96),
        },
      };
    }
    wish.program = program;
    wish.life_s = whole('life', d.life, 1, 7) * 86_400;
  } else if (d.kind === 'bolus') {
    if (d.group === '') wrong.group = 'Choose whose limits hold.';
    else wish.group = d.group;
    wish.dose = { volume_nl: amount('bolusDose', d.bolusDose, null, 0n).toString(), duration_s: String(whole('bolusMinutes', d.bolusMinutes, 1, 720) * 60) };
  } else if (d.kind === 'settings') {
    const low = readDose(d.low, { unit: 'mg', decimals: 3 });
    if ('wrong' in low) wrong.low = low.wrong;
    wish.settings = { low_nl: 'ng' in low ? low.ng.toString() : settings.low_nl, ptm_denied: whole('denied', d.denied, 0, 31) };
  }
  return { wish: Object.keys(wrong).length === 0 ? wish : null, wrong, program: Object.keys(wrong).some((k) => k !== 'reason' && k !== 'group') ? null : program };
}

function flexProgram(d: Draft, was: Draft, old: DoseProgram, wrong: Record<string, string>, amount: (name: string, text: string, before: string | null, kept: bigint) => bigint): DoseProgram {
  const starts = d.stretches.map((s, i) => {
    const at = readTime(s.from);
    if (at === null || at >= DAY) wrong[`from${i}`] = 'A time as 08:30.';
    return at ?? 0n;
  });
  if (starts[0] !== 0n) wrong.from0 = 'The first stretch begins at 00:00.';
  starts.forEach((s, i) => { if (i > 0 && s <= starts[i - 1]!) wrong[`from${i}`] ??= 'Later than the one before.'; });
  return {
    mode: 'flex_day', cycle_s: DAY.toString(),
    segments: d.stretches.map((s, i) => {
      const length = (starts[i + 1] ?? DAY) - starts[i]!;
      const before = old.mode === 'flex_day' ? old.segments[i] : undefined;
      const same = before !== undefined && n(before.offset_s) === starts[i] && n(before.duration_s) === length;
      return { offset_s: starts[i]!.toString(), duration_s: (length > 0n ? length : 1n).toString(), volume_nl: amount(`dose${i}`, s.dose, same ? was.stretches[i]!.dose : null, n(before?.volume_nl)).toString() };
    }),
  };
}
