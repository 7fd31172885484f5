import { useEffect, useSyncExternalStore } from 'react';

/** Shortcuts of a single key can be turned off (WCAG 2.1.4): they get in the way of speech input. */
const KEY = 'cisterna-shortcuts';
const listeners = new Set<() => void>();

function read(): boolean {
  try {
    return localStorage.getItem(KEY) !== 'off';
  } catch {
    return true;
  }
}

export function setShortcuts(on: boolean): void {
  try {
    localStorage.setItem(KEY, on ? 'on' : 'off');
  } catch {
    // Storage may be blocked; the setting then lasts as long as the default.
  }
  for (const f of listeners) f();
}

const subscribe = (f: () => void) => {
  listeners.add(f);
  return () => void listeners.delete(f);
};

export const useShortcuts = () => useSyncExternalStore(subscribe, read);

/** Calls f for a single key that is pressed outside of text fields and dialogs. */
export function useShortcut(key: string, f: () => void): void {
  const on = useShortcuts();
  useEffect(() => {
    if (!on) return;
    const down = (e: KeyboardEvent) => {
      const t = e.target as HTMLElement | null;
      if (e.key !== key || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      if (t?.closest('input, textarea, select, [contenteditable], [role="dialog"], [role="menu"]')) return;
      e.preventDefault();
      f();
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  }, [key, f, on]);
}
