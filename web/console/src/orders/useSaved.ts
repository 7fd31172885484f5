import { useCallback, useEffect, useRef, useState } from 'react';
import { type OrderDraft, orders } from '../api/orders';
import type { Draft } from './draft';

/** How long typing rests before it is saved. */
const REST_MS = 1_200;

/** Keeps what was typed on the server, so that neither a closed page nor the end of a session loses it. */
export function useSaved(pump: string, d: Draft, seen: string, began: Draft, order: string | undefined): { at: string | null; trouble: unknown; forget: () => Promise<void> } {
  const [state, setState] = useState<{ at: string | null; trouble: unknown }>({ at: null, trouble: null });
  const last = useRef(d === began ? JSON.stringify(d) : '');
  const over = useRef(false);
  const saving = useRef<Promise<unknown>>(Promise.resolve());
  useEffect(() => {
    const text = JSON.stringify(d);
    if (text === last.current || over.current) return;
    const t = setTimeout(() => {
      if (over.current) return;
      last.current = text;
      saving.current = orders.keepDraft(pump, { kind: d.kind, form: JSON.stringify({ v: 1, seen, d, order }) }).then((r: OrderDraft) => setState({ at: r.at, trouble: null }), (trouble: unknown) => { last.current = ''; setState((s) => ({ ...s, trouble })); });
    }, REST_MS);
    return () => clearTimeout(t);
  }, [d, pump, seen, order]);
  const forget = useCallback(async () => {
    over.current = true;
    await saving.current; // or it would come back after it was dropped
    await orders.dropDraft(pump).catch(() => undefined); // one that stays is offered again, and can be discarded there
  }, [pump]);
  return { ...state, forget };
}

/** Reads what was saved back, if this form still knows it; order is the one that came back and was being taken up. */
export function savedForm(draft: OrderDraft | null, blank: Draft): { d: Draft; seen: string; order: string | undefined } | null {
  if (!draft) return null;
  try {
    const { v, seen, d, order } = JSON.parse(draft.form) as { v: number; seen: string; d: Record<string, unknown>; order?: string };
    const same = v === 1 && typeof seen === 'string' && Object.entries(blank).every(([k, x]) => typeof d[k] === typeof x && Array.isArray(d[k]) === Array.isArray(x));
    return same ? { d: d as unknown as Draft, seen, order } : null;
  } catch {
    return null;
  }
}
