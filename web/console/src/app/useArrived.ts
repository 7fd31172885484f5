import { useEffect, useState } from 'react';

/** How long a screen waits for the last of its parts before it shows those that have come. */
const PATIENCE_MS = 2500;

/**
 * Whether the parts of a screen that stand above one another have all come, or failed; once true, it stays so. A part that comes
 * late would push away what stands below, from under a click: the screen is shown at once instead, and until then its place is
 * kept. A part that does not come does not keep the others away: after a moment they are shown without it.
 */
export function useArrived(...settled: readonly boolean[]): boolean {
  const [arrived, setArrived] = useState(false);
  const all = settled.every(Boolean);
  if (all && !arrived) setArrived(true);
  useEffect(() => {
    const timer = setTimeout(() => setArrived(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return arrived || all;
}
