import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { type LibraryContent, orders, type Preview, type RefillPlan, type Therapy, type Wish } from '../api/orders';
import type { Draft, Made } from './draft';
import { make } from './make';

/** What the server made of what was typed, and what the pump would say to it. */
export interface JudgedWish {
  /** What would be proposed; null while something is missing. */
  readonly wish: Wish | null;
  readonly plan: RefillPlan | null;
  readonly preview: Preview | null;
  readonly waiting: boolean;
  readonly asked: boolean;
  readonly error: unknown;
}

/** Has a visit computed, and everything checked, as it is typed. A reason is not needed to look at what the rest comes to. */
export function useJudged(pump: string, seen: Therapy, d: Draft, made: Made, lib: LibraryContent, moved: boolean): JudgedWish {
  const onlyReason = Object.keys(made.wrong).join() === 'reason';
  const asked = made.wish ? made : onlyReason ? make({ ...d, reason: 'not given yet' }, seen, lib) : null;
  const visit = d.kind === 'visit';
  const refillKey = useDebounced(visit && asked?.refill && !moved ? JSON.stringify(asked.refill) : '', 350);
  const planned = useQuery({
    queryKey: ['orders', 'plan', pump, seen.state_hash, refillKey], queryFn: () => orders.plan(pump, JSON.parse(refillKey) as NonNullable<Made['refill']>),
    enabled: refillKey !== '', placeholderData: refillKey === '' ? undefined : keepPreviousData, retry: false, staleTime: 60_000,
  });
  const plan = visit && refillKey !== '' && planned.data && !planned.isError ? planned.data.plan : null;
  const whole = asked?.wish && (!visit || plan) ? { ...asked.wish, ...(plan ? { visit: plan.visit } : {}) } : null;
  // A preview of old numbers must not pass for one of what is typed now.
  const current = !planned.isPlaceholderData && (!visit || JSON.stringify(asked?.refill) === refillKey);
  const key = useDebounced(whole && !moved && current ? JSON.stringify({ ...whole, reason: 'looked at' }) : '', visit ? 0 : 350);
  const check = useQuery({
    queryKey: ['orders', 'check', pump, seen.state_hash, key], queryFn: () => orders.check(pump, JSON.parse(key) as Wish),
    enabled: key !== '', placeholderData: key === '' ? undefined : keepPreviousData, retry: false, staleTime: 60_000,
  });
  const wish = made.wish && whole && current ? { ...whole, reason: made.wish.reason ?? '' } : null;
  return {
    wish, plan, preview: key !== '' && check.data ? check.data : null, waiting: check.isFetching || planned.isFetching, asked: key !== '' || refillKey !== '',
    error: planned.isError && refillKey !== '' ? planned.error : check.isError && key !== '' ? check.error : null,
  };
}

function useDebounced(value: string, ms: number): string {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const t = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(t);
  }, [value, ms]);
  return value === '' ? '' : late;
}
