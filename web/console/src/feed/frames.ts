import type { AlarmRow, PumpRow } from '../api/types';

/** The frames of the live feed, as web/live/PROTOCOL.md describes them. Every frame is one JSON object with its kind in `t`; unknown kinds are left alone. */
export type Frame =
  | HelloFrame
  | DeltaFrame
  | AlarmFrame
  | OrderFrame
  | { t: 'reset'; reason: string; rev: number; aseq: number }
  | { t: 'beat'; now: number; rev: number; aseq: number }
  | { t: 'bye'; code: string };

export interface HelloFrame {
  t: 'hello';
  epoch: string;
  rev: number;
  aseq: number;
  /** The feed goes on exactly where the request said that it stood. */
  resumed: boolean;
  retry_min_ms: number;
  retry_max_ms: number;
  now: number;
}

export interface DeltaFrame {
  t: 'delta';
  rev: number;
  prev: number;
  rows?: (Partial<PumpRow> & { id: string })[];
  removed?: string[];
}

export interface AlarmFrame {
  t: 'alarm';
  seq: number;
  prev: number;
  change: 'raised' | 'updated' | 'cleared' | 'acknowledged';
  alarm: AlarmRow;
}

/** Something happened to an order, or to a stop, which belongs to none. What the order says is not in it. */
export interface OrderChange {
  id: string | null;
  pump: string;
  site: string;
  state: string | null;
  code: string | null;
  letter: string | null;
}

export interface OrderFrame {
  t: 'order';
  seq: number;
  prev: number;
  order: OrderChange;
}

const integer = (v: unknown) => typeof v === 'number' && Number.isSafeInteger(v);

/** Reads one frame; null for a kind that this console does not know. Throws on a frame that is broken. */
export function parseFrame(text: string): Frame | null {
  const f = JSON.parse(text) as Record<string, unknown>;
  const broken = () => new Error(`broken frame: ${text.slice(0, 120)}`);
  switch (f.t) {
    case 'hello':
      if (typeof f.epoch !== 'string' || !integer(f.rev) || !integer(f.aseq)) throw broken();
      break;
    case 'delta':
      if (!integer(f.rev) || !integer(f.prev)) throw broken();
      break;
    case 'alarm':
      if (!integer(f.seq) || !integer(f.prev) || typeof f.alarm !== 'object' || f.alarm === null) throw broken();
      break;
    case 'order':
      if (!integer(f.seq) || !integer(f.prev) || typeof f.order !== 'object' || f.order === null || typeof (f.order as { pump?: unknown }).pump !== 'string') throw broken();
      break;
    case 'beat':
      if (!integer(f.now) || !integer(f.rev) || !integer(f.aseq)) throw broken();
      break;
    case 'reset':
      if (!integer(f.rev) || !integer(f.aseq)) throw broken();
      break;
    case 'bye':
      break;
    default:
      return null;
  }
  return f as unknown as Frame;
}
