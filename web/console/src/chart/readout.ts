import { shortStamp } from '../units/time';

/** The newest value with its day and time: nothing says that it is of today. Past its limit it is struck through. */
export function reading(value: string, ms: number, old: boolean): (Node | string)[] {
  const at = `  at ${shortStamp(ms)}`;
  if (!old) return [value, at];
  const s = document.createElement('s');
  s.className = 'struck';
  s.textContent = value;
  return [s, at];
}
