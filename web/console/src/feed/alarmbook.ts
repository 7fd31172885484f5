import type { AlarmList, AlarmRow, Priority } from '../api/types';
import { parseTime } from '../units/time';
import type { AlarmFrame } from './frames';

export interface AlarmCounts {
  readonly high: number;
  readonly medium: number;
  readonly low: number;
  /** Of these, not yet acknowledged. */
  readonly waiting: Readonly<Record<'high' | 'medium' | 'low', number>>;
}

const rank: Record<Priority, number> = { high: 0, medium: 1, low: 2, info: 3 };

/** Most urgent first, unacknowledged before acknowledged, newest first. */
export function compareAlarms(a: AlarmRow, b: AlarmRow): number {
  return rank[a.priority] - rank[b.priority]
    || Number(a.state === 'acknowledged') - Number(b.state === 'acknowledged')
    || Date.parse(b.raised_at) - Date.parse(a.raised_at)
    || (a.id < b.id ? -1 : 1);
}

/**
 * The alarms that are not cleared, kept by a lane of the feed in which nothing is conflated. A gap in the lane makes the
 * list "not checked" until it has been read again; only a checked list may say that there is no alarm.
 */
export class AlarmBook {
  private rows = new Map<string, AlarmRow>();
  private sorted: readonly AlarmRow[] = [];
  private byPump = new Map<string, readonly AlarmRow[]>();
  private numbers: AlarmCounts = { high: 0, medium: 0, low: 0, waiting: { high: 0, medium: 0, low: 0 } };
  private listeners = new Set<() => void>();
  private changes = new Set<(f: AlarmFrame) => void>();
  /** While the list is being read again: frames that arrived meanwhile. */
  private during: AlarmFrame[] | null = null;
  private seq: number | null = null;
  private missing = true;
  /** Server time at which the list was last known to be complete, or null before the first. */
  checkedAt: number | null = null;

  list = (): readonly AlarmRow[] => this.sorted;
  counts = (): AlarmCounts => this.numbers;
  ofPump = (pump: string): readonly AlarmRow[] => this.byPump.get(pump) ?? none;

  subscribe = (f: () => void): (() => void) => {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  };

  /** Hears each change as it happens, for announcements and for lists that hold cleared alarms too. */
  onChange = (f: (frame: AlarmFrame) => void): (() => void) => {
    this.changes.add(f);
    return () => void this.changes.delete(f);
  };

  /** Where we stand in the lane, if nothing is missing up to there. */
  get position(): number | null {
    return this.missing ? null : this.seq;
  }

  /** The lane goes on from `seq`; what was before has to be read by HTTP. */
  restart(seq: number): void {
    this.seq = seq;
    this.missing = true;
  }

  /** Something may be missing that the lane does not tell: the list has to be read again before it says that there is none. */
  doubt(): void {
    this.missing = true;
  }

  /** Takes one frame of the lane. False says that frames are missing and the list must be read again. */
  take(frame: AlarmFrame): boolean {
    // A frame that was already seen repeats a state that is older than ours.
    if (this.seq !== null && frame.seq <= this.seq) return true;
    const whole = this.seq === null || frame.prev === this.seq;
    if (!whole) this.missing = true;
    this.seq = frame.seq;
    this.during?.push(frame);
    this.put(frame);
    this.publish();
    for (const f of this.changes) f(frame);
    return whole;
  }

  /** Takes a number of the lane that stands for something else than an alarm. False says that frames are missing; null that it was seen before. */
  pass({ seq, prev }: { seq: number; prev: number }): boolean | null {
    if (this.seq !== null && seq <= this.seq) return null;
    const whole = this.seq === null || prev === this.seq;
    if (!whole) this.missing = true;
    this.seq = seq;
    return whole;
  }

  /** Takes the lane's position from a beat. False says that frames are missing. */
  beat(aseq: number, now: number): boolean {
    const whole = this.seq === null || aseq === this.seq;
    if (!whole) this.missing = true;
    this.seq = aseq;
    if (!this.missing && this.checkedAt !== null) {
      this.checkedAt = Math.max(this.checkedAt, now);
      this.wake();
    }
    return whole;
  }

  /**
   * Reads the list again, page by page to its end. Frames that arrive meanwhile are laid over the answers. Until the last
   * page has come the list is as complete as it was, and says so.
   */
  async reload(read: (before?: string) => Promise<AlarmList>): Promise<void> {
    const during: AlarmFrame[] = [];
    this.during = during;
    try {
      const first = await read();
      const items = [...first.items];
      for (let { next } = first; next !== null;) {
        if (this.during !== during) return;
        const page = await read(next);
        if (page.next === next) throw new Error('the list of alarms does not go on');
        items.push(...page.items);
        ({ next } = page);
      }
      if (this.during !== during) return; // a later reload took over
      this.rows = new Map(items.filter((a) => a.state !== 'cleared').map((a) => [a.id, a]));
      for (const frame of during) this.put(frame);
      this.checkedAt = parseTime(first.checked_at);
      this.missing = false;
      this.publish();
    } finally {
      if (this.during === during) this.during = null;
    }
  }

  private put(frame: AlarmFrame) {
    if (frame.change === 'cleared' || frame.alarm.state === 'cleared') this.rows.delete(frame.alarm.id);
    else this.rows.set(frame.alarm.id, frame.alarm);
  }

  private publish() {
    this.sorted = [...this.rows.values()].filter((a) => a.priority !== 'info').toSorted(compareAlarms);
    const byPump = new Map<string, AlarmRow[]>();
    for (const a of this.sorted) {
      const of = byPump.get(a.pump);
      if (of) of.push(a);
      else byPump.set(a.pump, [a]);
    }
    this.byPump = byPump;
    const n = { high: 0, medium: 0, low: 0 };
    const waiting = { high: 0, medium: 0, low: 0 };
    for (const a of this.sorted) {
      if (a.priority === 'info') continue;
      n[a.priority]++;
      if (a.state === 'active') waiting[a.priority]++;
    }
    this.numbers = { ...n, waiting };
    this.wake();
  }

  private wake() {
    for (const f of this.listeners) f();
  }
}

const none: readonly AlarmRow[] = [];
