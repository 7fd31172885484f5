import { useCallback, useMemo, useState } from 'react';
import type { Pick } from './FleetGrid';

export interface Picked extends Pick {
  readonly count: number;
  /** All that the filter means, also what comes later, until somebody works on it. */
  readonly all: boolean;
  readonly takeAll: () => void;
  readonly clear: () => void;
  readonly ids: () => readonly string[];
}

const nobody: ReadonlySet<string> = new Set();

/** Which rows are selected. Another filter means other pumps, so it clears the selection: what is worked on is always what is seen. */
export function usePick(filter: string, shown: readonly string[]): Picked {
  const [under, setUnder] = useState(filter);
  const [picked, setPicked] = useState<ReadonlySet<string>>(nobody);
  const [all, setAll] = useState(false);
  if (under !== filter) {
    setUnder(filter);
    setPicked(nobody);
    setAll(false);
  }
  const clear = useCallback(() => {
    setPicked(nobody);
    setAll(false);
  }, []);
  const set = useCallback((ids: readonly string[], on: boolean) => {
    setAll(false);
    setPicked((old) => {
      const next = new Set(all ? shown : old);
      for (const id of ids) if (on) next.add(id); else next.delete(id);
      return next;
    });
  }, [all, shown]);
  const has = useCallback((id: string) => all || picked.has(id), [all, picked]);
  const toggle = useCallback((id: string) => set([id], !has(id)), [set, has]);
  return useMemo(() => ({
    has, toggle, set, clear, all, count: all ? shown.length : picked.size, takeAll: () => setAll(true), ids: () => [...picked],
  }), [has, toggle, set, clear, all, picked, shown]);
}
