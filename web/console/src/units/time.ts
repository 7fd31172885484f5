/**
 * Times. Everything is shown in the browser's zone, 24 h, with the zone named once in the frame and on every exact time.
 * Ages are measured against the server's clock (see `clock.ts`), because the clock of a ward computer may be wrong.
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Milliseconds since 1970, or null when there is no time or it is not one. */
export function parseTime(text: string | null | undefined): number | null {
  if (!text) return null;
  const t = Date.parse(text);
  // Go's zero time means "never".
  return Number.isNaN(t) || t <= 0 ? null : t;
}

/** How long ago, in at most two units: "now", "12 s", "4 min", "2 h 05", "3 d 4 h", "41 d". */
export function age(ms: number): string {
  if (ms < 1.5 * SECOND) return 'now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${String(Math.floor((ms % HOUR) / MINUTE)).padStart(2, '0')}`;
  if (ms < 10 * DAY) return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

/** "12 s ago", "now". */
export function ago(ms: number): string {
  const text = age(ms);
  return text === 'now' ? text : `${text} ago`;
}

const clockFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const minuteFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false });
const dayFormat = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
const shortDayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const zoneFormat = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });

export const clock = (t: number) => clockFormat.format(t);
export const hourMinute = (t: number) => minuteFormat.format(t);
export const day = (t: number) => dayFormat.format(t);
export const shortDay = (t: number) => shortDayFormat.format(t);

export function zone(t: number = Date.now()): string {
  return zoneFormat.formatToParts(t).find((p) => p.type === 'timeZoneName')?.value ?? 'local time';
}

/** The exact time: "2026-03-01 14:05:09 CET". */
export function stamp(t: number): string {
  const d = new Date(t);
  const date = `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
  return `${date} ${clock(t)} ${zone(t)}`;
}

/** Date and minute without the zone, for lists whose zone is named elsewhere. */
export function shortStamp(t: number): string {
  return `${shortDay(t)} ${hourMinute(t)}`;
}

/** A length of time in words: "47 h 24 min". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds >= 2 * 86_400 && seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  return h === 0 ? `${m} min` : m === 0 ? `${h} h` : `${h} h ${String(m).padStart(2, '0')} min`;
}
