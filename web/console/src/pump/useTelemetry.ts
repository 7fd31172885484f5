import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api } from '../api/client';
import type { Telemetry } from '../api/types';
import { serverNow, useClock } from '../units/clock';
import type { PumpSearch, Span } from './search';

const HOUR = 3_600_000;
const lengths: Record<Exclude<Span, 'all'>, number> = { '1h': HOUR, '24h': 24 * HOUR, '7d': 7 * 24 * HOUR };
/** How often a window that follows moves on and is read again, at most. */
const paces: Record<Span, number> = { '1h': 2000, '24h': 15_000, '7d': 60_000, all: 60_000 };
/** A pump lives longer than ten years in nobody. */
const ALL = 3650 * 24 * HOUR;

export interface Window {
  readonly from: number;
  readonly to: number;
  /** The window follows the present. */
  readonly live: boolean;
  readonly span: Span;
}

/** The window of the charts: fixed in the address, or a span that ends now. */
export function useWindow(search: PumpSearch): Window {
  const span = search.span ?? '24h';
  const pace = paces[span];
  const now = useClock((t) => Math.floor(t / pace) * pace + pace);
  if (search.from && search.to) return { from: Number(search.from), to: Number(search.to), live: false, span };
  return { from: now - (span === 'all' ? ALL : lengths[span]), to: now, live: true, span };
}

/** Moves a window by half of its length, never past the present. */
export function shift(w: Window, direction: -1 | 1, now: number): { from: string; to: string } | null {
  const length = w.to - w.from;
  const to = w.to + (direction * length) / 2;
  if (to >= now) return null;
  return { from: String(Math.round(to - length)), to: String(Math.round(to)) };
}

/**
 * The telemetry of a window. A window that follows is read again when the pump's newest reading changes, at the pace of its
 * span: what is drawn is what was committed, never what the page made up between two answers.
 */
export function useTelemetry(pump: string, w: Window, lastData: string | null, points: number) {
  const queries = useQueryClient();
  const key = w.live ? ['telemetry', pump, w.span, points] : ['telemetry', pump, w.from, w.to, points];
  const query = useQuery({
    queryKey: key,
    queryFn: (): Promise<Telemetry> => {
      const to = w.live ? serverNow() : w.to;
      return api.telemetry(pump, to - (w.to - w.from), to, points);
    },
    placeholderData: keepPreviousData,
    staleTime: w.live ? paces[w.span] : 300_000,
  });

  const last = useRef(0);
  const pace = paces[w.span];
  const { live, span } = w;
  useEffect(() => {
    if (!live || lastData === null) return;
    const wait = Math.max(0, last.current + pace - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      void queries.invalidateQueries({ queryKey: ['telemetry', pump, span] });
    }, wait);
    return () => clearTimeout(timer);
  }, [queries, pump, live, span, pace, lastData]);
  return query;
}
