import { hex } from './bytes';
import type { AlarmSettings, Contents, Dose, Limits, PatientBolus, Program } from './content';
import { Act, type Branch, type Check, type Prescription, type Visit } from './documents';

/**
 * A decoded prescription in the form in which the API shows one, and what differs between the two. Every member of a document
 * is written here, so that one which the server shows and the bytes lack differs just as one that the server leaves out.
 */

/** A part of a document as JSON: quantities as digits, hashes and ids in hexadecimal, names for enumerations. */
export type Shown = string | number | readonly Shown[] | { readonly [name: string]: Shown | undefined };

const acts: readonly string[] = ['', 'program', 'bolus', 'prime', 'visit', 'bind', 'settings', 'resume', 'erase', 'adopt', 'transfer', 'clock'];
const modes: readonly string[] = ['', 'stopped', 'minimum', 'continuous', 'flex_day', 'flex_week', 'periodic', 'single'];
const groups: readonly string[] = ['', 'cancer', 'non_cancer', 'spinal', 'cerebral', 'child'];
const routes: readonly string[] = ['', 'intrathecal', 'epidural'];
const severities: readonly string[] = ['', 'none', 'moderate', 'severe', 'deadly'];

const digits = (n: bigint): string => n.toString();
/** Absent where zero means that there is none. */
const some = (n: bigint): string | undefined => (n === 0n ? undefined : digits(n));
const count = (n: bigint): number | undefined => (n === 0n ? undefined : Number(n));

const dose = (d: Dose | undefined): Shown | undefined => d && { volume_nl: digits(d.volume), duration_s: digits(d.duration) };

const patient = (b: PatientBolus | undefined): Shown | undefined => b && {
  volume_nl: digits(b.volume), duration_s: digits(b.duration), lockout_s: digits(b.lockout), max_24h: Number(b.most), window_s: some(b.window),
  max_window: count(b.mostInWindow), valid_for_s: some(b.validFor),
};

const program = (p: Program): Shown => ({
  mode: modes[p.mode] ?? '', cycle_s: digits(p.cycle), ptm: patient(p.patient),
  // oxlint-disable-next-line unicorn/no-thenable -- the API's name for what follows a single bolus; nobody awaits it
  then: p.after === 0 ? undefined : modes[p.after],
  segments: p.segments.map((s) => ({ offset_s: digits(s.offset), duration_s: digits(s.duration), volume_nl: digits(s.volume) })),
});

const contents = (c: Contents): Shown => ({
  ingredients: c.ingredients.map((i) => ({ code: Number(i.code), conc_ng_ml: digits(i.concentration) })), primary: c.primary, route: routes[c.route] ?? '',
});

const limits = (l: Limits): Shown => ({
  ingredients: l.lines.map((x) => ({ code: Number(x.code), max_1h_ng: digits(x.hour), max_24h_ng: digits(x.day), withdrawal: severities[x.withdrawal] ?? '' })),
  max_rate_nl_day: some(l.rate), ptm_min_lockout_s: some(l.lockout), ptm_max_24h: count(l.most),
});

const checks = (all: readonly Check[]): Shown => all.map((c) => ({
  code: Number(c.code), day_ng: digits(c.day), worst_ng: digits(c.worst), once_ng: digits(c.once), bridge_ng: digits(c.bridge),
}));

const branch = (b: Branch): Shown => ({
  contents: contents(b.contents), limits: limits(b.limits), program: program(b.program), prime: dose(b.prime), bridge: dose(b.bridge), checks: checks(b.checks),
});

const visit = (v: Visit): Shown => ({
  planned: branch(v.planned), same: branch(v.same), rinse_nl: some(v.rinse),
  bounds: {
    aspirated_min_nl: digits(v.bounds.aspirated[0]), aspirated_max_nl: digits(v.bounds.aspirated[1]), filled_min_nl: digits(v.bounds.filled[0]), filled_max_nl: digits(v.bounds.filled[1]),
  },
});

const alarms = (a: AlarmSettings): Shown => ({ low_nl: digits(a.low), ptm_denied: Number(a.denied) });

/** What the API shows of a prescription, if it shows what the bytes say. */
export function asShown(p: Prescription): { readonly [name: string]: Shown | undefined } {
  return {
    v: 1, act: acts[p.act] ?? '', id: hex(p.id), pump: hex(p.pump), serial: p.serial, site: hex(p.site), patient: hex(p.patient), epoch: Number(p.epoch), state: hex(p.state),
    not_before: Number(p.notBefore), expires: Number(p.expires), keyset: Number(p.keyset), reason: p.reason || undefined,
    flags: p.flags.length > 0 ? p.flags.map((f) => ({ code: f.code, reason: f.reason })) : undefined, library: p.library && hex(p.library), group: p.group === 0 ? undefined : groups[p.group],
    contents: p.contents && contents(p.contents), limits: p.limits && limits(p.limits), program: p.program && program(p.program), dose: dose(p.dose), bridge: dose(p.bridge),
    checks: p.checks.length > 0 ? checks(p.checks) : undefined, window: p.window && hex(p.window), visit: p.visit && visit(p.visit), settings: p.alarms && alarms(p.alarms),
    volume_nl: some(p.volume), transfer: p.transfer && { site: hex(p.transfer.site), keyset: hex(p.transfer.keyset) }, zone_s: p.act === Act.clock ? Number(p.zone) : undefined,
  };
}

/** Every value of a document by its path, such as "program.segments.0.volume_nl". Lists say how long they are. */
function leaves(v: unknown, path: string, out: Map<string, string>): void {
  if (v === undefined || v === null) return;
  if (Array.isArray(v)) {
    if (v.length > 0) out.set(`${path}.length`, String(v.length));
    v.forEach((x, i) => leaves(x, `${path}.${i}`, out));
  } else if (typeof v === 'object') {
    for (const [name, x] of Object.entries(v)) leaves(x, path === '' ? name : `${path}.${name}`, out);
  } else out.set(path, `${typeof v} ${String(v)}`);
}

/** Paths of all members in which what a server shows differs from what the bytes say, in order; none if it shows just that. */
export function differences(said: Prescription, shown: unknown): string[] {
  const [a, b] = [new Map<string, string>(), new Map<string, string>()];
  leaves(asShown(said), '', a);
  leaves(shown, '', b);
  return [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path)).toSorted();
}

const names: Record<string, string> = {
  v: 'format', act: 'kind of order', id: 'number of the document', pump: 'pump', serial: 'serial', site: 'site', patient: 'patient', epoch: 'epoch', state: 'what the pump ran', not_before: 'valid from',
  expires: 'valid until', keyset: 'keyset', reason: 'reason', flags: 'override', library: 'drug library', group: 'patient group', contents: 'contents', limits: 'hard limits', program: 'program',
  dose: 'bolus', bridge: 'bridge', checks: 'check numbers', window: 'window', visit: 'visit', settings: 'alarm settings', volume_nl: 'volume', transfer: 'transfer', zone_s: 'time zone',
  ingredients: 'ingredient', code: 'code', conc_ng_ml: 'concentration', primary: 'leading ingredient', route: 'route', max_1h_ng: 'most in 1 h', max_24h_ng: 'most in 24 h', withdrawal: 'withdrawal',
  max_rate_nl_day: 'highest rate', ptm_min_lockout_s: 'shortest lockout', ptm_max_24h: 'patient boluses in 24 h', mode: 'mode', cycle_s: 'cycle', segments: 'segment', offset_s: 'start', duration_s: 'duration',
  // oxlint-disable-next-line unicorn/no-thenable -- as above
  then: 'what follows',
  ptm: 'patient bolus', lockout_s: 'lockout', max_24h: 'most in 24 h', window_s: 'shorter window', max_window: 'most in the shorter window', valid_for_s: 'validity', day_ng: 'dose a day',
  worst_ng: 'most in a day', once_ng: 'dose at once', bridge_ng: 'dose in the bridge', planned: 'as planned', same: 'same dose', prime: 'priming', rinse_nl: 'rinse', bounds: 'bounds',
  aspirated_min_nl: 'least aspirated', aspirated_max_nl: 'most aspirated', filled_min_nl: 'least filled', filled_max_nl: 'most filled', low_nl: 'low-reservoir alarm', ptm_denied: 'alarm on denied boluses',
  length: 'number of them',
};

/** A path in words: "program, segment 2, volume". A member that no document has keeps its name. */
export function inWords(path: string): string {
  const out: string[] = [];
  for (const part of path.split('.')) {
    if (/^\d+$/.test(part)) out[out.length - 1] += ` ${Number(part) + 1}`;
    else out.push(names[part] ?? `“${part}”`);
  }
  return out.join(', ');
}

/** Differences as a clinician can act on: each setting once, and no more than so many. */
export function namesOf(paths: readonly string[], most = 4): string {
  const words = [...new Set(paths.map(inWords))];
  return words.length <= most ? words.join('; ') : `${words.slice(0, most).join('; ')}; and ${words.length - most} more`;
}
