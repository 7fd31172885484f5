import { useSyncExternalStore } from 'react';
import { flushSync } from 'react-dom';
import { serverNow } from '../units/clock';

/**
 * Whether the page is on its way to paper. The browser says so before it prints, and what must look different there, such as a
 * list of which a screen holds only the visible part, changes at that moment. While it lasts, the root has `data-paper`.
 */

/** When the page is printed, by the server's clock; null while it is not. */
let at: number | null = null;
const listeners = new Set<() => void>();

function turn(next: boolean): void {
  if (next === (at !== null)) return;
  at = next ? serverNow() : null;
  document.documentElement.toggleAttribute('data-paper', next);
  // The browser prints when its event is over, not when it suits React.
  flushSync(() => {
    for (const f of listeners) f();
  });
}

/** Listens to the browser for as long as the page lives. Returns how to stop. */
export function watchPaper(): () => void {
  const print = window.matchMedia('print');
  const before = () => turn(true);
  const after = () => turn(false);
  const change = () => turn(print.matches);
  window.addEventListener('beforeprint', before);
  window.addEventListener('afterprint', after);
  print.addEventListener('change', change);
  return () => {
    window.removeEventListener('beforeprint', before);
    window.removeEventListener('afterprint', after);
    print.removeEventListener('change', change);
    turn(false);
  };
}

const subscribe = (f: () => void) => {
  listeners.add(f);
  return () => listeners.delete(f);
};

/** When the page is printed, by the server's clock; null on a screen. */
export function usePaper(): number | null {
  return useSyncExternalStore(subscribe, () => at);
}
