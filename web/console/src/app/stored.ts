import { useSyncExternalStore } from 'react';

/** A setting of this browser that every part of the page follows. Storage may be blocked; it then lasts as long as the page. */
export interface Stored<T extends string> {
  readonly get: () => T;
  readonly set: (value: T) => void;
  readonly use: () => T;
}

export function stored<T extends string>(key: string, allowed: readonly T[], standard: T): Stored<T> {
  const listeners = new Set<() => void>();
  let held: T | undefined;
  const get = (): T => {
    try {
      const text = localStorage.getItem(key);
      if (text !== null && (allowed as readonly string[]).includes(text)) return text as T;
    } catch {
      // Blocked.
    }
    return held ?? standard;
  };
  const set = (value: T) => {
    held = value;
    try {
      localStorage.setItem(key, value);
    } catch {
      // Blocked.
    }
    for (const f of listeners) f();
  };
  const subscribe = (f: () => void) => {
    listeners.add(f);
    return () => void listeners.delete(f);
  };
  return { get, set, use: () => useSyncExternalStore(subscribe, get) };
}
