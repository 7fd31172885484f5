import { useRouter } from '@tanstack/react-router';
import { useCallback, useRef } from 'react';
import { stringifySearch } from './searchparams';

/** How somebody changes what a screen shows: by a choice, or in a stream of little changes such as typing or moving a chart. */
export type How = 'choice' | 'stream';

interface Last {
  readonly keys: string;
  readonly search: string;
}

const text = (s: object) => stringifySearch(s as Record<string, unknown>);

/**
 * Changes the part of the address that a screen keeps its state in. Back undoes one step and never leaves a screen whose filter
 * somebody has just set: a choice (a facet, a tab, a sort) is a step; a stream is one step, however many letters were typed.
 * Once something else has happened, or Back was used, the next letter begins another step.
 */
export function useChange<S extends object>(read: (raw: Record<string, unknown>) => S): (part: Partial<Record<keyof S, unknown>>, how?: How) => void {
  const router = useRouter();
  const last = useRef<Last | null>(null);
  return useCallback((part, how = 'choice') => {
    const { pathname, search } = router.latestLocation;
    const old = read({ ...search });
    const next = read(Object.fromEntries(Object.entries({ ...old, ...part }).filter(([, v]) => v !== undefined)));
    const keys = Object.keys(part).toSorted().join(' ');
    if (text(next) === text(old)) return;
    const goesOn = how === 'stream' && last.current !== null && last.current.keys === keys && last.current.search === text(old);
    last.current = how === 'stream' ? { keys, search: text(next) } : null;
    void router.navigate({ to: pathname, search: next, replace: goesOn, resetScroll: false } as never);
  }, [router, read]);
}
