import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { RowStore } from '../feed/store';
import type { PumpRow } from '../api/types';
import { moves, orderRows, rankBySerial, sameOrder } from './order';
import { countFacets, type FacetCounts, type FleetSearch, matcher, type Sort, type TextMeans } from './search';

export interface Order {
  /** The rows in the order in which they are shown. */
  readonly ids: readonly string[];
  readonly counts: FacetCounts;
  readonly total: number;
  /** Rows that would move if the order were brought up to date; 0 while the order follows. */
  readonly pending: number;
  /** Brings the order up to date although the table is in use. */
  update(): void;
}

const LIVE_MS = 1000;
const AGE_MS = 10_000;

const ranks = new WeakMap<RowStore<PumpRow>, { membership: number; rank: ReadonlyMap<string, number> }>();

function rankOf(store: RowStore<PumpRow>): ReadonlyMap<string, number> {
  let known = ranks.get(store);
  if (known?.membership !== store.membership) {
    known = { membership: store.membership, rank: rankBySerial(store.values()) };
    ranks.set(store, known);
  }
  return known.rank;
}

/**
 * The order of the fleet. A change of the filter or the sort counts at once; changes of the data at most once a second, and
 * not at all while `frozen` (the pointer or the focus is in the table), so that no row slips away from under a hand.
 */
export function useOrder(store: RowStore<PumpRow>, search: FleetSearch, sort: Sort, siteName: (id: string) => string, frozen: boolean, means?: TextMeans): Order {
  const compute = useCallback(() => ({
    ids: orderRows(store.values(), matcher(search, siteName, means), sort, siteName, rankOf(store)),
    counts: countFacets(store.values(), search, siteName, means),
    total: store.size,
  }), [store, search, sort, siteName, means]);

  const [shown, setShown] = useState(compute);
  const [wanted, setWanted] = useState(shown);
  const [asked, setAsked] = useState(() => compute);
  const isFrozen = useRef(frozen);
  useLayoutEffect(() => {
    isFrozen.current = frozen;
  }, [frozen]);

  // The person asked for something else, or left the table: show it now.
  const [wasFrozen, setWasFrozen] = useState(frozen);
  if (asked !== compute || (wasFrozen && !frozen)) {
    setAsked(() => compute);
    const next = compute();
    setShown(next);
    setWanted(next);
  }
  if (wasFrozen !== frozen) setWasFrozen(frozen);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const run = () => {
      timer = undefined;
      last = performance.now();
      const next = compute();
      setWanted(next);
      setShown((old) => {
        if (isFrozen.current && old.ids.length > 0) {
          // Rows that this person may no longer see go at once; everything else waits.
          const gone = old.ids.some((id) => store.get(id) === undefined);
          return { ...next, ids: gone ? old.ids.filter((id) => store.get(id) !== undefined) : old.ids };
        }
        return sameOrder(old.ids, next.ids) ? { ...next, ids: old.ids } : next;
      });
    };
    run();
    const off = store.subscribe(() => {
      timer ??= setTimeout(run, Math.max(0, last + LIVE_MS - performance.now()));
    });
    // What goes by age changes with the time alone.
    const beat = setInterval(() => { timer ??= setTimeout(run, 0); }, AGE_MS);
    return () => {
      off();
      clearInterval(beat);
      clearTimeout(timer);
    };
  }, [store, compute]);

  const update = useCallback(() => setShown(compute()), [compute]);

  const pending = useMemo(() => (frozen ? moves(shown.ids, wanted.ids) : 0), [frozen, shown.ids, wanted.ids]);
  return { ...shown, pending, update };
}
