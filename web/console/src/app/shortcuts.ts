import { useEffect } from 'react';
import { stored } from './stored';

/** Shortcuts of a single key can be turned off (WCAG 2.1.4): they get in the way of speech input. */
const setting = stored('cisterna-shortcuts', ['on', 'off'], 'on');

export const setShortcuts = (on: boolean) => setting.set(on ? 'on' : 'off');
export const shortcutsOn = () => setting.get() === 'on';
export const useShortcuts = () => setting.use() === 'on';

/** Whether a key was pressed for the page, and not into a text field, a dialog or a menu. */
function forPage(e: KeyboardEvent): boolean {
  const t = e.target as HTMLElement | null;
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || e.isComposing) return false;
  return !t?.closest('input, textarea, select, [contenteditable], [role="dialog"], [role="menu"]');
}

/** Calls f for a single key that is pressed outside of text fields and dialogs. */
export function useShortcut(key: string, f: () => void): void {
  const on = useShortcuts();
  useEffect(() => {
    if (!on) return;
    const down = (e: KeyboardEvent) => {
      if (e.key !== key || !forPage(e)) return;
      e.preventDefault();
      f();
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  }, [key, f, on]);
}

/** How long the second key of a pair may take. */
const PAIR_MS = 1500;

/** Calls f with the key that follows `first`: "g" and then "f". f says whether it knew the key. */
export function usePair(first: string, f: (second: string) => boolean): void {
  const on = useShortcuts();
  useEffect(() => {
    if (!on) return;
    let since = -Infinity;
    const down = (e: KeyboardEvent) => {
      if (!forPage(e)) return;
      const waits = performance.now() - since < PAIR_MS;
      since = -Infinity;
      if (waits && f(e.key)) {
        e.preventDefault();
        e.stopPropagation();
      } else if (e.key === first) {
        since = performance.now();
      }
    };
    // Before the shortcuts of the page: the second key is not theirs.
    document.addEventListener('keydown', down, true);
    return () => document.removeEventListener('keydown', down, true);
  }, [first, f, on]);
}
