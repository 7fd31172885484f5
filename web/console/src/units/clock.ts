import { useSyncExternalStore } from 'react';

/** The server's clock as far as the console knows it, and a beat of one second that everything with an age listens to. */

let offset = 0;
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Learns the server's time from a frame or an answer that has just arrived. */
export function learnServerTime(serverMs: number): void {
  offset = serverMs - Date.now();
}

export function serverNow(): number {
  return Date.now() + offset;
}

function tick() {
  for (const f of listeners) f();
}

function subscribe(f: () => void): () => void {
  listeners.add(f);
  if (listeners.size === 1) {
    timer = setInterval(tick, 1000);
    // A tab that was asleep must not show old ages for even one more second.
    document.addEventListener('visibilitychange', tick);
  }
  return () => {
    listeners.delete(f);
    if (listeners.size === 0) {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', tick);
    }
  };
}

/** Re-renders only when the text or flag that `read` derives from the server's time changes. */
export function useClock<T extends string | number | boolean | null>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(serverNow()));
}
