/**
 * The arithmetic behind a strip chart: one shared time axis, values as floats for the canvas only, and holes where there is
 * no data. Pure, so that it can be tested without a canvas.
 */

export interface Gap {
  readonly from: number;
  readonly to: number;
  /** The pump said that it lost these records; else it was only silent. */
  readonly lost?: boolean;
}

export interface Axis {
  /** Seconds since 1970, rising. */
  readonly at: number[];
  /** For each position the index in the data, or −1 for a hole. */
  readonly index: number[];
}

/** Puts a hole into every gap that lies between two samples, so that no line is drawn across it. Times in ms. */
export function axis(at: readonly number[], gaps: readonly Gap[]): Axis {
  const out: Axis = { at: [], index: [] };
  const sorted = gaps.toSorted((a, b) => a.from - b.from);
  let g = 0;
  for (let i = 0; i < at.length; i++) {
    const t = at[i]!;
    while (g < sorted.length && sorted[g]!.to <= (at[i - 1] ?? -Infinity)) g++;
    const gap = sorted[g];
    if (i > 0 && gap && gap.from < t && gap.to > at[i - 1]!) {
      out.at.push((at[i - 1]! + Math.max(1, (t - at[i - 1]!) / 2)) / 1000);
      out.index.push(-1);
    }
    out.at.push(t / 1000);
    out.index.push(i);
  }
  return out;
}

/** A column laid on the axis: null in holes and where the column has no value. */
export function onAxis(a: Axis, column: readonly (number | null)[]): (number | null)[] {
  return a.index.map((i) => (i < 0 ? null : column[i] ?? null));
}

/** The nearest position with data, searching outward from i; −1 when there is none. */
export function nearest(a: Axis, i: number): number {
  for (let d = 0; d < a.at.length; d++) {
    for (const k of d === 0 ? [i] : [i - d, i + d]) if ((a.index[k] ?? -1) >= 0) return k;
  }
  return -1;
}

/** The moments (ms) after the reading before position i, up to the reading at i. */
export function passed<T extends { readonly at: number }>(a: Axis, i: number, moments: readonly T[]): T[] {
  let before = i - 1;
  while ((a.index[before] ?? 0) < 0) before--;
  const since = before < 0 ? -Infinity : a.at[before]! * 1000;
  return moments.filter((m) => m.at > since && m.at <= a.at[i]! * 1000).toSorted((x, y) => x.at - y.at);
}

export interface Extremes {
  readonly last: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Data indices of the newest, lowest and highest value of a column; null when it is empty. */
export function extremes(column: readonly (number | null)[]): Extremes | null {
  let last = -1;
  let lowest = -1;
  let highest = -1;
  column.forEach((v, i) => {
    if (v === null) return;
    last = i;
    if (lowest < 0 || v < column[lowest]!) lowest = i;
    if (highest < 0 || v > column[highest]!) highest = i;
  });
  return last < 0 ? null : { last, lowest, highest };
}

/** A range that holds all values and is at least `span` wide, with a tenth of room on both sides. */
export function roomy(low: number | null, high: number | null, span: number): [number, number] {
  if (low === null || high === null) return [0, span];
  const middle = (low + high) / 2;
  const half = Math.max(span, (high - low) * 1.2) / 2;
  return [middle - half, middle + half];
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000];

/** Ticks of a time axis at round local times, at most `most` of them. Seconds. */
export function timeTicks(from: number, to: number, most: number): number[] {
  const step = STEPS.find((s) => (to - from) / s <= most) ?? Math.ceil((to - from) / most / 2_592_000) * 2_592_000;
  // Round times of the wall clock, not of UTC.
  const shift = new Date(from * 1000).getTimezoneOffset() * 60;
  const out: number[] = [];
  for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) out.push(t);
  return out;
}

export const lowestOf = (c: readonly (number | null)[]) => c.reduce<number | null>((m, v) => (m === null ? v : v === null ? m : Math.min(m, v)), null);
export const highestOf = (c: readonly (number | null)[]) => c.reduce<number | null>((m, v) => (m === null ? v : v === null ? m : Math.max(m, v)), null);
