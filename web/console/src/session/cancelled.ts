import { Problem } from '../api/problem';

/** What becomes of a request that somebody would not sign for. */
export function cancelled(): Problem {
  return new Problem(403, 'Not confirmed', 'Nothing was changed.', 'cancelled');
}

export function isCancelled(err: unknown): boolean {
  return err instanceof Problem && err.code === 'cancelled';
}
