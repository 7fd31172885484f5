import type { Bytes } from './bytes';
import type { Contents, Dose, Limits, State } from './content';
import type { Ceiling } from './numbers';
import type { Keyset, Library, Root, Signed } from './trust';

/** What a pump knows when a document arrives (docs/protocol.md section 5). Volumes in nL, times in s, running time in ms. */

export interface Device {
  readonly modes: ReadonlySet<string>;
  readonly leastRate: bigint;
  readonly highestRate: bigint;
  readonly idleRate: bigint;
  /** The device may stand still. */
  readonly zero: boolean;
  readonly resolution: bigint;
  readonly largestBolus: bigint;
  readonly largestPriming: bigint;
  readonly segmentsPerDay: number;
  readonly patientMost: bigint;
  readonly patientLockout: bigint;
  readonly capacity: bigint;
  readonly lowLeast: bigint;
  readonly lowMost: bigint;
}

export interface Budget {
  readonly since: bigint;
  readonly taken: number;
}

export interface Memory {
  readonly counter: bigint;
  readonly stops: bigint;
  readonly answers: readonly { readonly hash: Bytes; readonly code: string }[];
  readonly withdrawn: readonly { readonly prescription: Bytes; readonly gen: bigint }[];
  readonly boluses: readonly { readonly prescription: Bytes; readonly window: Bytes }[];
  readonly ordered: readonly { readonly code: bigint; readonly route: number }[];
  readonly stopTimes: readonly bigint[];
  readonly ownStop: { readonly person: string; readonly run: bigint; readonly gen: bigint } | null;
  readonly applied: readonly Bytes[];
  readonly keysetTaken: bigint;
}

/** Other fluid than the reservoir's on the way to the catheter's tip; `left` must flow until the last of it has gone, and rises along the path. */
export interface Fluid {
  readonly contents: Contents;
  readonly left: bigint;
  readonly ceiling: Ceiling;
}

export const Busy = { idle: 0, bolus: 1, priming: 2, firmware: 3 } as const;

export interface View {
  readonly pump: Bytes;
  readonly serial: string;
  readonly site: Bytes;
  readonly patient: Bytes;
  readonly root: Signed<Root>;
  readonly keyset: Signed<Keyset> | undefined;
  readonly library: Signed<Library> | undefined;
  readonly before: Signed<Library> | undefined;
  readonly stateBytes: Bytes;
  readonly state: State;
  readonly foreign: boolean;
  readonly limits: Limits;
  readonly ceiling: Ceiling;
  readonly device: Device;
  readonly hour: bigint;
  readonly day: bigint;
  readonly volume: bigint;
  readonly fill: bigint;
  /** From the tip on. */
  readonly path: readonly Fluid[];
  /** The bridge that runs or waits, for its pace. */
  readonly bridge: Dose | undefined;
  readonly busy: number;
  readonly faults: readonly string[];
  readonly now: bigint;
  readonly trusted: boolean;
  readonly run: bigint;
  readonly mono: bigint;
  /** Announced in this boot, oldest first. */
  readonly windows: readonly { readonly nonce: Bytes; readonly born: bigint }[];
  readonly budgets: { readonly orders: Budget; readonly stops: Budget };
  readonly memory: Memory;
}

/** The verdict on a document: what a pump would answer, and how far it came. */
export interface Verdict {
  readonly code: string;
  /** Number of the step that decided; 22 for what is accepted, 0 for documents of trust. */
  readonly step: number;
  readonly class: number;
  readonly burned: boolean;
  readonly cached: boolean;
  readonly document: Bytes | undefined;
  readonly prescription: Bytes | undefined;
  /** For engineers: which part decided. */
  readonly why: string;
}
