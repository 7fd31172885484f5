import { useSuspenseQuery } from '@tanstack/react-query';
import { useRef } from 'react';
import type { Me } from '../api/types';
import { sessionQuery } from './session';

/** The person who is signed in. Only below the frame, whose route has made sure of it. */
export function useMe(): Me {
  const { data } = useSuspenseQuery(sessionQuery);
  // While signing out the session is gone a moment before the page is.
  const last = useRef(data);
  if (data) last.current = data;
  if (!last.current) throw new Error('useMe without a session');
  return last.current;
}
