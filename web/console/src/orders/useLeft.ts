import { useClock } from '../units/clock';
import { parseTime } from '../units/time';

/** Minutes and seconds until a moment: "14:59", or null when it is over. */
export function useLeft(at: string | null): string | null {
  const t = parseTime(at);
  return useClock((now) => {
    if (t === null || t <= now) return null;
    const s = Math.floor((t - now) / 1000);
    const h = Math.floor(s / 3600);
    const two = (n: number) => String(n).padStart(2, '0');
    return h >= 48 ? `${Math.floor(h / 24)} d ${h % 24} h` : h > 0 ? `${h} h ${two(Math.floor((s % 3600) / 60))} min` : `${two(Math.floor(s / 60))}:${two(s % 60)}`;
  });
}
