import type { Program } from './ordering';

/** What a second signer has in hand, written as people write it: computed here, from what the test knows of the order. */

interface Ingredient { code: number; conc_ng_ml: string }
interface Drug { code: number; unit: 'mg' | 'mcg'; decimals: number }

/** Of an order, what its numbers come from. A visit has a program and contents in its planned branch. */
export interface Source {
  program?: Program;
  contents?: { ingredients: Ingredient[]; primary: number };
  dose?: { volume_nl: string; duration_s: string };
  volume_nl?: string;
  zone_s?: number;
  settings?: { low_nl: string; ptm_denied: number };
  visit?: { planned: { program: Program; contents: { ingredients: Ingredient[]; primary: number } }; bounds: { filled_min_nl: string; filled_max_nl: string } };
}

/** What they know by themselves. */
export interface Known { serial: string; patient?: string; site?: string }

/** Digits in a unit with so many decimals, as one types them: rounded, without zeros at the end. */
export function write(value: bigint, unit: 'mg' | 'mcg' | 'mL', most: number): string {
  const decimals = unit === 'mcg' ? Math.min(most, 3) : most;
  const scale = (unit === 'mcg' ? 1_000n : 1_000_000n) / 10n ** BigInt(decimals);
  const text = ((2n * value + scale) / (2n * scale)).toString().padStart(decimals + 1, '0');
  return decimals === 0 ? text : `${text.slice(0, -decimals)}.${text.slice(-decimals)}`.replace(/\.?0+$/, '');
}

export const sum = (p: Program) => p.segments.reduce((v, s) => v + BigInt(s.volume_nl), 0n);

const clock = (s: number) => `${String(Math.floor(s / 3600)).padStart(2, '0')}:${String((s % 3600) / 60).padStart(2, '0')}`;
const inMinutes = (s: string) => String(BigInt(s) / 60n);
const zoneText = (s: number) => `${s < 0 ? '-' : '+'}${clock(Math.abs(s))}`;

/** What is entered for a number of the form. */
export function entry(asked: string, of: Source, who: Known, drugs: readonly Drug[]): string {
  const { program, contents } = of.visit?.planned ?? of;
  const [kind, code] = asked.replace('planned.', '').split(':') as [string, string | undefined];
  const drug = drugs.find((x) => x.code === Number(code));
  const conc = BigInt(contents?.ingredients.find((i) => i.code === Number(code))?.conc_ng_ml ?? 0);
  const mass = (volume: string | bigint, more = 0) => write((BigInt(volume) * conc) / 1_000_000n, drug!.unit, drug!.decimals + more);
  const most = program?.segments.toSorted((a, b) => Number(b.volume_nl) / Number(b.duration_s) - Number(a.volume_nl) / Number(a.duration_s))[0];
  switch (kind) {
    case 'serial': return who.serial;
    case 'patient': return who.patient!;
    case 'site': return who.site!;
    case 'zone': return zoneText(of.zone_s!);
    case 'conc': return write(conc, drug!.unit, 6);
    case 'day': return mass((sum(program!) * 86_400n) / BigInt(program!.cycle_s));
    case 'once': return mass(of.dose!.volume_nl);
    case 'over': return inMinutes(of.dose!.duration_s);
    case 'peak': return mass((BigInt(most!.volume_nl) * 3_600n) / BigInt(most!.duration_s), 1);
    case 'peak_from': return clock(Number(most!.offset_s) % 86_400);
    case 'ptm': return mass(program!.ptm!.volume_nl);
    case 'ptm_over': return inMinutes(program!.ptm!.duration_s);
    case 'ptm_max': return String(program!.ptm!.max_24h);
    case 'ptm_lockout': return inMinutes(program!.ptm!.lockout_s);
    case 'low_alarm': return write(BigInt(of.settings!.low_nl), 'mL', 3);
    case 'ptm_denied': return String(of.settings!.ptm_denied);
    case 'filled': return write((BigInt(of.visit!.bounds.filled_min_nl) + BigInt(of.visit!.bounds.filled_max_nl)) / 2n, 'mL', 3);
    case 'volume': return write(BigInt(of.volume_nl!), 'mL', 3);
    default: throw new Error(`nobody knows ${asked}`);
  }
}
