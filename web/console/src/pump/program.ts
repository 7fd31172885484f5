import type { Program } from '../api/types';
import { parseDigits } from '../units/quantity';

export interface Step {
  readonly from: number;
  readonly to: number;
  /** nL/day */
  readonly rate: bigint;
  readonly volume: bigint;
}

const DAY = 86_400;

/** The rate of each segment, nL/day, rounded down like the pump's own arithmetic; a segment without length has none. */
export function steps(segments: Program['segments']): Step[] {
  return segments.flatMap((s) => {
    const volume = parseDigits(s.volume_nl);
    if (volume === null || s.duration_s <= 0) return [];
    return [{ from: s.offset_s, to: s.offset_s + s.duration_s, rate: (volume * BigInt(DAY)) / BigInt(s.duration_s), volume }];
  }).toSorted((a, b) => a.from - b.from);
}

/** What a program delivers in one cycle, nL. */
export const cycleVolume = (all: readonly Step[]): bigint => all.reduce((sum, s) => sum + s.volume, 0n);

/** Length of what the curve shows: the program's cycle, at least a day. */
export const cycleLength = (cycle_s: number, all: readonly Step[]): number => Math.max(cycle_s, all.at(-1)?.to ?? 0, DAY);

/** "06:30" of seconds since the program's midnight; in a longer cycle "day 2 06:30". */
export function timeOfCycle(seconds: number, length: number): string {
  const end = length > DAY ? Math.floor(seconds / DAY) : 0;
  const m = Math.round((seconds - end * DAY) / 60);
  const time = `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`;
  return length > DAY ? `day ${end + 1} ${time}` : time;
}
