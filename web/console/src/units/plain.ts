import { parseDigits, fixed } from './quantity';
import { duration } from './time';

/** Turns what machines write into the record and the journal into what people read. The exact words stay in the record. */

const events: Record<string, string> = {
  BOOT: 'Pump started', PROGRAMMED: 'Program set', REFUSED: 'Input refused', REFILLED: 'Refilled', STOPPED: 'Stopped', RESUMED: 'Resumed',
  BOLUS_STARTED: 'Bolus started', BOLUS_ENDED: 'Bolus delivered', BOLUS_CUT: 'Bolus cut short', PTM_DENIED: 'Patient bolus denied',
  PRIME_STARTED: 'Priming started', PRIME_ENDED: 'Priming ended', BRIDGE_STARTED: 'Bridge bolus started', BRIDGE_ENDED: 'Bridge bolus delivered',
  BRIDGE_CUT: 'Bridge bolus cut short', PROGRAM_ENDED: 'Program ended', PTM_EXPIRED: 'Patient bolus permission expired', STALL_RECOVERED: 'Motor runs again',
  ADOPTED: 'Contents taken over as found', REBOUND: 'Bound anew',
  CLOCK_SET: 'Clock set', CLOCK_JUMP: 'Clock jumped', ALARM_CLEARED: 'Alarm cleared at the pump', PROGRAM_LOST: 'Program lost',
};

/** The name of a pump's event; a code that is not known here keeps the words of the server. */
export function eventTitle(code: string, title: string): string {
  return events[code] ?? (title === title.toUpperCase() ? title.charAt(0) + title.slice(1).toLowerCase() : title);
}

/** Whether a pump's event has a name here. */
export const knownEvent = (code: string): boolean => Object.hasOwn(events, code);

type Writer = (value: string) => string | null;

const seconds: Writer = (v) => (/^\d{1,12}$/.test(v) ? duration(Number(v)) : null);
const digits = (write: (v: bigint) => string): Writer => (v) => {
  const n = parseDigits(v);
  return n === null ? null : write(n);
};

const units: [suffix: string, write: Writer][] = [
  ['_nl_day', digits((v) => `${fixed(v, 1_000_000n, 3, 'nearest')} mL/day`)],
  ['_nl', digits((v) => `${fixed(v, 1_000_000n, 3, 'down')} mL`)],
  ['_mv', digits((v) => `${fixed(v, 1000n, 3, 'nearest')} V`)],
  ['_mc', digits((v) => `${fixed(v, 1000n, 1, 'nearest')} °C`)],
  ['_ms', digits((v) => (v >= 600_000n || v <= -600_000n ? `${v < 0n ? '-' : ''}${duration(Number((v < 0n ? -v : v) / 1000n))}` : `${fixed(v, 1000n, 1, 'nearest')} s`))],
  ['_s', seconds],
];

/** "volume_nl 4650, kind patient" → "volume 0.004 mL, kind patient". What is not such a list stays as it is. */
export function plainDetail(detail: string): string {
  const parts = detail.split(', ');
  if (!parts.every((p) => /^[a-z][a-z0-9_]* \S/.test(p))) return detail;
  return parts.map((p) => {
    const space = p.indexOf(' ');
    const key = p.slice(0, space);
    const value = p.slice(space + 1);
    for (const [suffix, write] of units) {
      if (!key.endsWith(suffix)) continue;
      const text = write(value);
      if (text !== null) return `${key.slice(0, -suffix.length).replaceAll('_', ' ')} ${text}`;
    }
    return `${key.replaceAll('_', ' ')} ${/^[a-z_]+$/.test(value) ? value.replaceAll('_', ' ') : value}`;
  }).join(', ');
}

/** What the record is filtered by for all that this actor did: a person by number, whatever the login was then. */
export function actorKey(actor: string): string {
  return /^person:\d+(?= )/.exec(actor)?.[0] ?? actor;
}

/** What parts of the server do, by the names that they have in the record. */
const parts: Record<string, string> = {
  cli: 'at its own console', demo: 'setting up the demo', dispatch: 'sending documents', dosing: 'watching orders', ingest: 'receiving', keys: 'loading signed documents',
  lists: 'acting on many pumps', presence: 'watching connections', recall: 'watching recalls',
};

/** "person:7 anna" → "anna", "person:7 anna token:3" → "anna, by API token 3", "device:C-1" → "pump over C-1", "system:ingest" → "server, receiving". */
export function actorName(actor: string): string {
  const person = /^person:\d+ (\S+)(?: token:(\d+))?$/.exec(actor);
  if (person) return person[2] ? `${person[1]}, by API token ${person[2]}` : person[1]!;
  if (actor.startsWith('device:')) return `pump over ${actor.slice(7)}`;
  if (actor.startsWith('system:')) return `server, ${parts[actor.slice(7)] ?? actor.slice(7)}`;
  return actor;
}
