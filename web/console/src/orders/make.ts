import type { Contents, DoseProgram, LibraryContent, Refill, Segment, Therapy, Wish } from '../api/orders';
import { DAY, drugOf, mass, meanDay, n, primaryOf, readDose, readTime, volumeOf } from './amounts';
import { type Draft, draftOf, type Made, readZone, type Stretch } from './draft';

type Wrong = Record<string, string>;
type Amount = (name: string, text: string, before: string | null, kept: bigint) => bigint;

/** Turns what was typed into a wish, or says field by field why it is none. Doses that were not touched keep their exact volume. */
export function make(d: Draft, t: Therapy, lib: LibraryContent | null): Made {
  const wrong: Wrong = {};
  const { program: old, contents: now } = t.report.state;
  const contents = d.kind === 'visit' || d.kind === 'adopt' ? syringe(d, lib, wrong) : now;
  const same = sameFluid(contents, now);
  const was = draftOf(t, lib, d.kind);
  const code = primaryOf(contents);
  const f = drugOf(lib, code);
  const conc = n(contents.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const amount: Amount = (name, text, before, kept) => {
    if (before !== null && text === before) return kept;
    const r = readDose(text, f);
    if ('wrong' in r) { wrong[name] = r.wrong; return 0n; }
    if (r.ng === 0n) { wrong[name] = 'More than zero. To give nothing, stop the pump.'; return 0n; }
    return volumeOf(r.ng, conc);
  };
  const reason = d.reason.trim().replaceAll(/\s+/g, ' ');
  if (reason === '') wrong.reason = 'Say why: the others sign it too.';
  const flags = [...(d.softLimit.trim() ? [{ code: 1, reason: d.softLimit.trim() }] : []), ...(d.softStep.trim() ? [{ code: 2, reason: d.softStep.trim() }] : [])];
  const wish: Wish = { act: d.kind, reason, ...(flags.length > 0 ? { flags } : {}) };
  const group = () => { if (d.group === '') wrong.group = 'Choose whose limits hold.'; else wish.group = d.group; };
  let program: DoseProgram | null = null;
  let refill: Refill | null = null;
  switch (d.kind) {
    case 'program':
      group();
      program = programOf(d, same ? old : null, was, wrong, amount);
      wish.program = program;
      wish.life_s = whole(wrong, 'life', d.life, 1, 7) * 86_400;
      break;
    case 'visit':
      group();
      program = programOf(d, same ? old : null, was, wrong, amount);
      wish.life_s = whole(wrong, 'life', d.life, 1, 30) * 86_400;
      refill = refillOf(d, t, contents, program, wrong);
      break;
    case 'bolus':
      group();
      wish.dose = { volume_nl: amount('bolusDose', d.bolusDose, null, 0n).toString(), duration_s: String(whole(wrong, 'bolusMinutes', d.bolusMinutes, 1, 720) * 60) };
      break;
    case 'prime':
      group();
      if (d.prime === '') wrong.prime = 'Choose what is to be filled.';
      wish.dose = { volume_nl: d.prime === 'catheter' ? t.path.catheter_nl : t.path.path_nl, duration_s: String(whole(wrong, 'primeMinutes', d.primeMinutes, 1, 1440) * 60) };
      break;
    case 'settings': {
      const low = volume(wrong, 'low', d.low, 1n);
      wish.settings = { low_nl: low.toString(), ptm_denied: whole(wrong, 'denied', d.denied, 0, 31) };
      break;
    }
    case 'adopt':
      group();
      // Said whole, also where it is what the pump believes: its signers state it (ORDERS.md).
      wish.contents = contents;
      wish.volume_nl = volume(wrong, 'volume', d.volume, 1n).toString();
      break;
    case 'bind':
      if (d.patient !== '') wish.patient = d.patient;
      break;
    case 'transfer':
      if (d.site === '') wrong.site = 'Choose the site that the pump goes to.';
      else wish.site = Number(d.site);
      break;
    case 'clock': {
      const zone = readZone(d.zone);
      if (zone === null) wrong.zone = 'Hours and minutes from UTC, as +01:00.';
      else wish.zone_s = zone;
      break;
    }
    case 'erase':
    case 'resume':
  }
  const clean = Object.keys(wrong).length === 0;
  const drawable = !Object.keys(wrong).some((k) => k !== 'reason' && k !== 'group');
  return { wish: clean ? wish : null, wrong, program: drawable ? program : null, refill: drawable ? refill : null, contents };
}

export const sameFluid = (a: Contents, b: Contents): boolean =>
  a.route === b.route && a.primary === b.primary && a.ingredients.length === b.ingredients.length && a.ingredients.every((i, k) => i.code === b.ingredients[k]!.code && i.conc_ng_ml === b.ingredients[k]!.conc_ng_ml);

/** A whole number within bounds. */
function whole(wrong: Wrong, name: string, text: string, least: number, most: number): number {
  if (!/^(0|[1-9]\d{0,5})$/.test(text.trim()) || Number(text) < least || Number(text) > most) { wrong[name] = `A whole number from ${least} to ${most}.`; return least; }
  return Number(text);
}

/** A volume in mL with at most three decimals, as nL. */
function volume(wrong: Wrong, name: string, text: string, least: bigint): bigint {
  const r = readDose(text, { unit: 'mg', decimals: 3 });
  if ('wrong' in r) { wrong[name] = r.wrong; return least; }
  if (r.ng < least) { wrong[name] = 'More than zero.'; return least; }
  return r.ng;
}

/** What the syringe holds, its ingredients rising by code as documents have them. */
function syringe(d: Draft, lib: LibraryContent | null, wrong: Wrong): Contents {
  const parts = d.mix.map((p) => {
    const code = Number(p.code);
    if (p.code === '') wrong[`code ${p.key}`] = 'Choose a drug.';
    else if (d.mix.filter((q) => q.code === p.code).length > 1) wrong[`code ${p.key}`] = 'It is there twice.';
    const r = readDose(p.conc, { unit: drugOf(lib, code).unit, decimals: 6 });
    if ('wrong' in r) wrong[`conc ${p.key}`] = r.wrong;
    else if (r.ng === 0n) wrong[`conc ${p.key}`] = 'More than zero.';
    return { code, conc_ng_ml: 'ng' in r ? r.ng.toString() : '0' };
  }).toSorted((a, b) => a.code - b.code);
  const lead = parts.findIndex((p) => String(p.code) === d.lead);
  return { ingredients: parts, primary: lead < 0 ? 0 : lead, route: d.route };
}

function refillOf(d: Draft, t: Therapy, contents: Contents, program: DoseProgram, wrong: Wrong): Refill {
  const r: Refill = {
    group: d.group === '' ? 'cancer' : d.group, contents, program, filled_nl: volume(wrong, 'filled', d.filled, 1n).toString(),
    residual_nl: volume(wrong, 'residual', d.residual, 0n).toString(), rinse_nl: volume(wrong, 'rinse', d.rinse, 0n).toString(),
  };
  if (d.prime !== '') {
    r.prime = d.prime;
    if (d.primeMinutes.trim() !== '') r.prime_s = String(whole(wrong, 'primeMinutes', d.primeMinutes, 1, 1440) * 60);
  }
  if (t.path.catheter_mm === 0 && d.catheter.trim() !== '') r.catheter_mm = whole(wrong, 'catheter', d.catheter, 1, 2000);
  return r;
}

/** The program of a form: one rate, a day of stretches, or a week of days. old is what runs, if the doses are of the same fluid. */
function programOf(d: Draft, old: DoseProgram | null, was: Draft, wrong: Wrong, amount: Amount): DoseProgram {
  let p: DoseProgram;
  if (d.spread === 'day') {
    p = { mode: 'flex_day', cycle_s: DAY.toString(), segments: stretchesOf(d.stretches, '', 0n, old?.mode === 'flex_day' ? old.segments : [], was.stretches, wrong, amount) };
  } else if (d.spread === 'week') {
    p = {
      mode: 'flex_week', cycle_s: (7n * DAY).toString(),
      segments: d.week.flatMap((day, i) => {
        const start = BigInt(i) * DAY;
        const before = old?.mode === 'flex_week' ? old.segments.filter((s) => n(s.offset_s) >= start && n(s.offset_s) < start + DAY) : [];
        return stretchesOf(day, `${i} `, start, before, was.week[i]!, wrong, amount);
      }),
    };
    if (p.segments.length > 128) wrong['0 from0'] = 'At most 128 stretches in a week.';
  } else {
    p = { mode: 'continuous', cycle_s: DAY.toString(), segments: [{ offset_s: '0', duration_s: DAY.toString(), volume_nl: amount('day', d.day, old?.mode === 'continuous' ? was.day : null, old ? meanDay(old) : 0n).toString() }] };
  }
  if (!d.ptm) return p;
  const t = old?.ptm;
  return {
    ...p,
    ptm: {
      ...t, volume_nl: amount('ptmDose', d.ptmDose, t ? was.ptmDose : null, n(t?.volume_nl)).toString(),
      duration_s: d.ptmMinutes === was.ptmMinutes && t ? t.duration_s : String(whole(wrong, 'ptmMinutes', d.ptmMinutes, 1, 720) * 60),
      lockout_s: d.ptmLockout === was.ptmLockout && t ? t.lockout_s : String(whole(wrong, 'ptmLockout', d.ptmLockout, 1, 1440) * 60), max_24h: whole(wrong, 'ptmMax', d.ptmMax, 1, 96),
    },
  };
}

/** The segments of a day's stretches, from a start within the cycle on. Names of fields begin with at. */
function stretchesOf(all: readonly Stretch[], at: string, start: bigint, old: readonly Segment[], was: readonly Stretch[], wrong: Wrong, amount: Amount): Segment[] {
  const starts = all.map((s, i) => {
    const v = readTime(s.from);
    if (v === null || v >= DAY) wrong[`${at}from${i}`] = 'A time as 08:30.';
    return v ?? 0n;
  });
  if (starts[0] !== 0n) wrong[`${at}from0`] = 'The first stretch begins at 00:00.';
  starts.forEach((s, i) => { if (i > 0 && s <= starts[i - 1]!) wrong[`${at}from${i}`] ??= 'Later than the one before.'; });
  return all.map((s, i) => {
    const length = (starts[i + 1] ?? DAY) - starts[i]!;
    const before = old[i];
    const same = before !== undefined && n(before.offset_s) === start + starts[i]! && n(before.duration_s) === length;
    return { offset_s: (start + starts[i]!).toString(), duration_s: (length > 0n ? length : 1n).toString(), volume_nl: amount(`${at}dose${i}`, s.dose, same ? was[i]?.dose ?? null : null, n(before?.volume_nl)).toString() };
  });
}

/** A mass of each ingredient in a volume, for what is said beside a number. */
export const amountsIn = (volume: bigint, c: Contents): { code: number; ng: bigint }[] => c.ingredients.map((i) => ({ code: i.code, ng: mass(volume, n(i.conc_ng_ml)) }));
