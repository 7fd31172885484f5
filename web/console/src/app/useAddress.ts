import { useMemo } from 'react';

/**
 * The search of a route, read. The router lets keys and values that a route did not accept pass through to its `useSearch`,
 * so every screen reads them again with the function that knows what may stand there.
 */
export function useAddress<T>(raw: object, read: (raw: Record<string, unknown>) => T): T {
  return useMemo(() => read(raw as Record<string, unknown>), [raw, read]);
}
