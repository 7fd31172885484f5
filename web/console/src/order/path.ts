import { sameContents, type Contents, type Limits } from './content';
import { MAX_VOLUME } from './fields';
import { floorDiv, mass, min, rateOf, type Ceiling } from './numbers';
import type { Fluid, View } from './view';

/**
 * While other fluid stands in the path, the patient does not get what the reservoir holds. An order is judged by the worse of
 * both: what the old fluid gives until it has gone, and what the new contents give after (docs/protocol.md section 6).
 */

/** Fluids in a path. */
export const MAX_PATH = 4;

/** The volumes that limits allow in an hour and in 24; nothing of contents with an ingredient that has none. */
export function ceilingOf(l: Limits, c: Contents): Ceiling {
  const least = (pick: (line: Limits['lines'][number]) => bigint): bigint =>
    c.ingredients.reduce((n, i) => {
      const line = l.lines.find((x) => x.code === i.code);
      return line ? min(n, floorDiv(pick(line) * 1_000_000n, i.concentration)) : 0n;
    }, MAX_VOLUME);
  return { hour: least((x) => x.hour), day: least((x) => x.day) };
}

/** What a bridge pushes out when these contents come after it, from the tip on. */
export function pushed(view: View, next: Contents): readonly Fluid[] {
  const { path, state } = view;
  if (path.length === 0) return [{ contents: state.contents, left: 0n, ceiling: view.ceiling }];
  if (sameContents(next, state.contents)) return path;
  return [...path, { contents: state.contents, left: 0n, ceiling: ceilingOf(view.limits, state.contents) }];
}

/** What must still flow until the path holds what the reservoir does. */
export const left = (view: View): bigint => view.path.at(-1)?.left ?? 0n;

/** The dose from which a rise counts as a step: what was ordered, or the less that the patient gets of it while a bridge runs. */
export function risesFrom(view: View, code: bigint, ordered: bigint, is: bigint): bigint {
  if (is <= ordered || view.bridge === undefined) return ordered;
  const daily = rateOf(view.bridge, floorDiv);
  return view.path.reduce((from, f) => min(from, mass(daily, f.contents.ingredients.find((i) => i.code === code)?.concentration ?? 0n, floorDiv)), ordered);
}
