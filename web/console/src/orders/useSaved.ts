import { useCallback, useEffect, useRef, useState } from 'react';
import { type OrderDraft, orders } from '../api/orders';
import type { Draft } from './draft';

/** How long typing rests before it is saved. */
const REST_MS = 1_200;

/** What is on its way to the server, by pump: whoever reads a draft waits for it. */
const underWay = new Map<string, Promise<unknown>>();

/** What one has typed for a pump and not proposed, after what this page is just saving of it. */
export async function draftOfPump(pump: string): Promise<OrderDraft | null> {
  await underWay.get(pump);
  return orders.draftOf(pump);
}

interface Saved {
  at: string | null;
  trouble: unknown;
  /** Drops it for good: it is proposed. */
  forget: () => Promise<void>;
  /** Drops it and begins anew with this form, which is nothing that anybody has typed. */
  anew: (blank: Draft) => Promise<void>;
}

/** Keeps what was typed on the server, so that neither a closed page nor the end of a session loses it; what is typed last before the form goes, too. */
export function useSaved(pump: string, d: Draft, seen: string, began: Draft, order: string | undefined): Saved {
  const [state, setState] = useState<{ at: string | null; trouble: unknown }>({ at: null, trouble: null });
  const last = useRef(d === began ? JSON.stringify(d) : '');
  const over = useRef(false);
  const saving = useRef<Promise<unknown>>(Promise.resolve());
  // How to save what is not saved yet; null when all is.
  const unsaved = useRef<(() => void) | null>(null);
  useEffect(() => {
    const text = JSON.stringify(d);
    unsaved.current = null;
    if (text === last.current || over.current) return;
    const save = () => {
      if (text === last.current || over.current) return;
      last.current = text;
      saving.current = orders.keepDraft(pump, { kind: d.kind, form: JSON.stringify({ v: 1, seen, d, order }) }).then((r: OrderDraft) => setState({ at: r.at, trouble: null }), (trouble: unknown) => { last.current = ''; setState((s) => ({ ...s, trouble })); });
      underWay.set(pump, saving.current);
    };
    unsaved.current = save;
    const t = setTimeout(save, REST_MS);
    return () => clearTimeout(t);
  }, [d, pump, seen, order]);
  useEffect(() => () => unsaved.current?.(), []);
  const drop = useCallback(async () => {
    await saving.current; // or it would come back after it was dropped
    await orders.dropDraft(pump).catch(() => undefined); // one that stays is offered again, and can be discarded there
  }, [pump]);
  const forget = useCallback(() => {
    over.current = true;
    return drop();
  }, [drop]);
  const anew = useCallback((blank: Draft) => {
    last.current = JSON.stringify(blank);
    return drop();
  }, [drop]);
  return { ...state, forget, anew };
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
