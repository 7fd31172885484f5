import { parseDigits } from '../units/quantity';

export interface Segment {
  readonly offset_s: number;
  readonly duration_s: number;
  readonly volume_nl: string;
}

export interface Step {
  readonly from: number;
  readonly to: number;
  /** nL/day */
  readonly rate: bigint;
  readonly volume: bigint;
}

const DAY = 86_400n;

/** The rate of each segment, nL/day, rounded down like the pump's own arithmetic; a segment without length has none. */
export function steps(segments: readonly Segment[]): Step[] {
  return segments.flatMap((s) => {
    const volume = parseDigits(s.volume_nl);
    if (volume === null || s.duration_s <= 0) return [];
    return [{ from: s.offset_s, to: s.offset_s + s.duration_s, rate: (volume * DAY) / BigInt(s.duration_s), volume }];
  }).toSorted((a, b) => a.from - b.from);
}

/** What the program delivers in a day, nL. */
export const dailyVolume = (all: readonly Step[]): bigint => all.reduce((sum, s) => sum + s.volume, 0n);

/** "06:30" of seconds since the program's midnight. */
export function timeOfDay(seconds: number): string {
  const m = Math.round(seconds / 60);
  return `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`;
}
