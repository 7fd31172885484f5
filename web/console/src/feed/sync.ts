import type { AlarmList, PumpRow, PumpSnapshot } from '../api/types';
import { learnServerTime } from '../units/clock';
import { parseTime } from '../units/time';
import { AlarmBook } from './alarmbook';
import type { DeltaFrame, Frame } from './frames';
import { OrderNews } from './ordernews';
import { RowStore } from './store';

export interface Reader {
  pumps(): Promise<PumpSnapshot>;
  /** The open alarms, or the page that follows one whose `next` this is. */
  alarms(before?: string): Promise<AlarmList>;
}

const isWhole = (row: Partial<PumpRow>) => row.serial !== undefined && row.presence !== undefined && row.alarms !== undefined;

/**
 * Keeps the console's copy of the fleet equal to the server's: a snapshot by HTTP, then deltas that name the revision they
 * build on. A delta on a revision that we do not have, a new epoch or a `reset` means that something was missed: the
 * snapshot is read again, and deltas that arrive meanwhile wait for it.
 */
export class Sync {
  readonly pumps = new RowStore<PumpRow>();
  readonly alarms = new AlarmBook();
  readonly orders = new OrderNews();
  epoch: string | null = null;
  rev = 0;
  /** How often a snapshot was read, for tests and the status page. */
  snapshots = 0;
  private waiting: DeltaFrame[] | null = null;
  private again = true;

  constructor(
    private readonly reader: Reader,
    private readonly onTrouble: (err: unknown) => void,
    /** What the person may see has changed: their roles, or a visit began or ended, here or in another tab. */
    private readonly onScope: () => void = () => {},
  ) {}

  /** True until the first snapshot and after anything was missed. */
  get behind(): boolean {
    return this.again;
  }

  /** Reads the pumps. Rejects when the server cannot be asked. */
  async load(): Promise<void> {
    this.again = true;
    const waiting: DeltaFrame[] = [];
    this.waiting = waiting;
    try {
      const snap = await this.reader.pumps();
      if (this.waiting !== waiting) return;
      this.epoch = snap.epoch;
      this.rev = snap.rev;
      this.pumps.replace(snap.rows ?? []);
      this.snapshots++;
      this.again = false;
      const at = parseTime(snap.at);
      if (at !== null) learnServerTime(at);
      this.waiting = null;
      for (const frame of waiting) this.delta(frame);
    } finally {
      if (this.waiting === waiting) this.waiting = null;
    }
  }

  /** Takes one frame. Never throws; trouble with reading again goes to onTrouble. */
  take(frame: Frame): void {
    switch (frame.t) {
      case 'hello':
        learnServerTime(frame.now);
        // Another life of the server, or other sites than we have shown: the person's roles may have changed.
        if (frame.epoch !== this.epoch) {
          this.reloadPumps();
          this.onScope();
        }
        if (!frame.resumed || this.alarms.position === null) {
          this.alarms.restart(frame.aseq);
          this.missed();
        }
        break;
      case 'delta':
        this.delta(frame);
        break;
      case 'alarm':
        if (!this.alarms.take(frame)) this.missed();
        break;
      case 'order': {
        const whole = this.alarms.pass(frame);
        if (whole !== null) this.orders.tell(frame.order);
        if (whole === false) this.missed();
        break;
      }
      case 'beat':
        learnServerTime(frame.now);
        if (!this.alarms.beat(frame.aseq, frame.now)) this.missed();
        // The beat says how far we should be.
        if (this.waiting === null && frame.rev > this.rev) this.reloadPumps();
        break;
      case 'reset':
        this.alarms.restart(frame.aseq);
        this.reloadPumps();
        this.missed();
        if (frame.reason === 'scope') this.onScope();
        break;
      case 'bye':
        break;
    }
  }

  /** What the person may see may have changed without a frame: nothing that is here counts as complete. The next connection reads all again. */
  doubt(): void {
    this.again = true;
    this.alarms.doubt();
  }

  /** The same over an open connection. */
  renew(): void {
    this.doubt();
    this.reloadPumps();
    this.missed();
  }

  private delta(frame: DeltaFrame) {
    if (this.waiting) {
      this.waiting.push(frame);
      return;
    }
    if (this.again || frame.rev < this.rev) return;
    const rows = frame.rows ?? [];
    const unknown = rows.some((r) => this.pumps.get(r.id) === undefined && !isWhole(r));
    // A delta may overlap what we have, its rows are the newest state; it may not leave a hole.
    if (frame.prev > this.rev || unknown) {
      this.reloadPumps();
      return;
    }
    this.rev = frame.rev;
    if (rows.length > 0) this.pumps.patch(rows, isWhole);
    if (frame.removed?.length) this.pumps.remove(frame.removed);
  }

  private reloadPumps() {
    this.load().catch(this.onTrouble);
  }

  /** Numbers of the lane are missing: of alarms, of orders or of both. */
  private missed() {
    this.reloadAlarms();
    this.orders.lose();
  }

  private reloadAlarms() {
    this.alarms.reload(this.reader.alarms).catch(this.onTrouble);
  }
}
