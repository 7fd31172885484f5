import { age, ago, parseTime, shortStamp, stamp } from '../units/time';
import { useClock } from '../units/clock';

/** What is focused itself, and what holds something that is: they tell the exact times of the ages in them (ExactTimes.tsx). */
export const PRESSED = 'a, button, [role="row"]';
export const ROWS = '[role="row"], tr, li';

/**
 * An age tells its exact time when it has the focus, so it is a tab stop; but not in a row, an entry or a link that one comes to
 * anyway, for a table would have hundreds of them.
 */
function stop(node: HTMLTimeElement | null) {
  if (node && !node.closest(PRESSED) && !node.closest(ROWS)?.querySelector('a[href], button, input')) node.tabIndex = 0;
}

/** How long ago, ticking, with the exact time as its title. */
export function Age({ at, prefix = '', never = 'never', className }: { at: string | null | undefined; prefix?: string; never?: string; className?: string }) {
  const t = parseTime(at);
  const text = useClock((now) => (t === null ? never : prefix + ago(now - t)));
  return t === null ? <span className={className}>{text}</span> : <time ref={stop} className={className} dateTime={new Date(t).toISOString()} title={stamp(t)}>{text}</time>;
}

/** How long until a time, in milliseconds, ticking, with the exact time as its title; `past` once it is over. */
export function Ahead({ at, past, className }: { at: number | null; past: string; className?: string }) {
  const text = useClock((now) => (at === null ? '–' : at <= now ? past : age(at - now)));
  return at === null ? <span className={className}>{text}</span> : <time ref={stop} className={className} dateTime={new Date(at).toISOString()} title={stamp(at)}>{text}</time>;
}

/** How long something has lasted: "for 20 h 22". */
export function Since({ at }: { at: string | null | undefined }) {
  const t = parseTime(at);
  const text = useClock((now) => (t === null ? '' : `for ${age(now - t)}`.replace('for now', 'just now')));
  return t === null ? null : <time ref={stop} dateTime={new Date(t).toISOString()} title={`since ${stamp(t)}`}>{text}</time>;
}

/** A point in time: day and minute, exact time with zone as title. */
export function Stamp({ at, full = false }: { at: string | null | undefined; full?: boolean }) {
  const t = parseTime(at);
  return t === null ? <span>–</span> : <time dateTime={new Date(t).toISOString()} title={stamp(t)}>{full ? stamp(t) : shortStamp(t)}</time>;
}
