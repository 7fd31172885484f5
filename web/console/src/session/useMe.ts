import { useSuspenseQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Me } from '../api/types';
import { sessionQuery } from './session';

/** The person who is signed in. Only below the frame, whose route has made sure of it. */
export function useMe(): Me {
  const { data } = useSuspenseQuery(sessionQuery);
  // While signing out the session is gone a moment before the page is.
  const [last, setLast] = useState(data);
  if (data && data !== last) setLast(data);
  const me = data ?? last;
  if (!me) throw new Error('useMe without a session');
  return me;
}
