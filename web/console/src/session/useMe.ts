import { useSuspenseQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Me } from '../api/types';
import { sessionQuery } from './session';

/** Who was signed in last on this page. */
let known: Me | null = null;

/**
 * The person who is signed in. Only below the frame, whose route has made sure of it. A session that has ended is gone a moment
 * before the page is, and stays over it until somebody signs in again: what is shown meanwhile, also what only now comes up, is
 * still that person's.
 */
export function useMe(): Me {
  const { data } = useSuspenseQuery(sessionQuery);
  useEffect(() => {
    if (data) known = data;
  }, [data]);
  const me = data ?? known;
  if (!me) throw new Error('useMe without a session');
  return me;
}
