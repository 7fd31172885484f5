import { Problem } from '../api/problem';
import { type Frame, parseFrame } from './frames';
import type { Sync } from './sync';

/**
 * The socket of the live feed and what the console says about it.
 *
 *   connecting ─► live ─► reconnecting(n) ─► live
 *                  │  └─► stale (no frame for 20 s) ─► reconnecting
 *                  └────► signed-out (the server ended the session)
 *
 * Back-off is exponential with full jitter between the bounds that the server names in its hello. A page that wakes from
 * sleep checks the time since the last frame by the wall clock, since timers did not run.
 */
export type Phase = 'connecting' | 'live' | 'reconnecting' | 'stale' | 'signed-out';

export interface Status {
  readonly phase: Phase;
  /** Attempts since the feed was last live. */
  readonly attempt: number;
  /** Local time of the last frame, or null before the first. */
  readonly lastFrameAt: number | null;
  /** Local time since which the page is not live; null while it is. */
  readonly since: number | null;
  /** Why the last attempt failed, while the feed is not live. */
  readonly trouble: unknown;
}

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((e: { data: unknown }) => void) | null;
  onclose: ((e: { code: number }) => void) | null;
  close(): void;
}

export interface Ports {
  /** `aseq` is null when the lane of alarms has to begin anew. */
  open(epoch: string, rev: number, aseq: number | null): Socket;
  now(): number;
  random(): number;
  /** "yes", "no", or "unknown" when the server cannot be asked. */
  signedIn(): Promise<'yes' | 'no' | 'unknown'>;
  isSignedOut(err: unknown): boolean;
}

export const STALE_MS = 20_000;
const OPEN_MS = 10_000;
const SESSION_ENDED = 4401;

const feedProblem = (title: string) => new Problem(0, title, 'The console tries again by itself.');

export class Link {
  private state: Status = { phase: 'connecting', attempt: 0, lastFrameAt: null, since: null, trouble: null };
  private listeners = new Set<() => void>();
  private socket: Socket | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private run = 0;
  private retryMin = 500;
  private retryMax = 30_000;

  constructor(private readonly sync: Sync, private readonly ports: Ports) {}

  status = (): Status => this.state;

  subscribe = (f: () => void): (() => void) => {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  };

  start(): void {
    this.stop();
    this.set({ phase: 'connecting', attempt: 0, lastFrameAt: null, since: this.ports.now(), trouble: null });
    this.watch = setInterval(() => this.check(), 1000);
    void this.attempt();
  }

  stop(): void {
    this.run++;
    clearInterval(this.watch);
    clearTimeout(this.retry);
    clearTimeout(this.opening);
    this.drop();
  }

  /** The page was shown again or the network came back: look at once instead of waiting for a timer. */
  wake(): void {
    if (this.state.phase === 'live') this.check();
    else if (this.state.phase !== 'signed-out' && this.socket === null) {
      clearTimeout(this.retry);
      void this.attempt();
    }
  }

  /** Reading a snapshot over an open socket failed: what we show is behind, so start over. */
  trouble(err: unknown): void {
    if (this.ports.isSignedOut(err)) this.signedOut();
    else if (this.socket !== null) this.lost(err);
  }

  private async attempt(): Promise<void> {
    const run = ++this.run;
    const { phase, attempt } = this.state;
    if (phase !== 'connecting') this.set({ phase: 'reconnecting', attempt: attempt + 1 });
    try {
      if (this.sync.behind) await this.sync.load();
      if (run !== this.run) return;
      this.open(run);
    } catch (err) {
      if (run !== this.run) return;
      if (this.ports.isSignedOut(err)) this.signedOut();
      else this.lost(err);
    }
  }

  private open(run: number) {
    const socket = this.ports.open(this.sync.epoch ?? '', this.sync.rev, this.sync.alarms.position);
    this.socket = socket;
    let greeted = false;
    this.opening = setTimeout(() => this.lost(feedProblem('The live feed does not answer')), OPEN_MS);
    socket.onmessage = (e) => {
      if (run !== this.run || typeof e.data !== 'string') return;
      let frame: Frame | null;
      try {
        frame = parseFrame(e.data);
      } catch {
        this.lost(feedProblem('The live feed sent something broken'));
        return;
      }
      if (frame?.t === 'hello') {
        greeted = true;
        clearTimeout(this.opening);
        this.retryMin = frame.retry_min_ms;
        this.retryMax = frame.retry_max_ms;
      }
      if (frame?.t === 'bye' && frame.code === 'session') {
        this.signedOut();
        return;
      }
      this.heard();
      if (frame) this.sync.take(frame);
    };
    socket.onclose = (e) => {
      if (run !== this.run) return;
      if (e.code === SESSION_ENDED) this.signedOut();
      else if (greeted) this.lost(feedProblem('The connection was closed'));
      else void this.refused(run);
    };
  }

  /** A browser does not tell why an upgrade failed; the session does. */
  private async refused(run: number) {
    const answer = await this.ports.signedIn();
    if (run !== this.run) return;
    if (answer === 'no') this.signedOut();
    else this.lost(feedProblem('The live feed cannot be reached'));
  }

  private heard() {
    this.state = { ...this.state, lastFrameAt: this.ports.now() };
    if (this.state.phase !== 'live') this.set({ phase: 'live', attempt: 0, since: null, trouble: null });
  }

  private check() {
    const { phase, lastFrameAt } = this.state;
    if (phase === 'live' && lastFrameAt !== null && this.ports.now() - lastFrameAt > STALE_MS) this.lost(null, 'stale');
  }

  private lost(trouble: unknown, phase: Phase = this.state.lastFrameAt === null ? 'connecting' : 'reconnecting') {
    this.run++;
    this.drop();
    const attempt = phase === 'connecting' ? this.state.attempt + 1 : this.state.attempt;
    this.set({ phase, attempt, trouble, since: this.state.since ?? this.state.lastFrameAt ?? this.ports.now() });
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.attempt(), this.delay(attempt));
  }

  /** Full jitter: anywhere between zero and the exponential bound, so that a restarted server is not stormed. */
  private delay(attempt: number): number {
    return this.ports.random() * Math.min(this.retryMax, this.retryMin * 2 ** Math.min(attempt, 16));
  }

  private signedOut() {
    this.stop();
    this.set({ phase: 'signed-out', since: this.state.since ?? this.ports.now() });
  }

  private drop() {
    clearTimeout(this.opening);
    const s = this.socket;
    this.socket = null;
    if (!s) return;
    s.onmessage = null;
    s.onclose = null;
    s.close();
  }

  private set(change: Partial<Status>) {
    this.state = { ...this.state, ...change };
    for (const f of this.listeners) f();
  }
}
