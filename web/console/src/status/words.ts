/** Numbers of the server's status in the unit that people read. */

const GROUP = new Intl.NumberFormat('en-GB', { useGrouping: true });
const bytes = [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]] as const;

/** 1234567 bytes are "1.2" and "MB"; 1500 µs are "1.5" and "ms". */
export function written(n: number, unit: string): { number: string; unit: string } {
  switch (unit) {
    case 'bytes': {
      const [name, size] = bytes.find(([, s]) => Math.abs(n) >= s) ?? ['B', 1];
      return { number: size === 1 ? String(n) : (n / size).toFixed(1), unit: name };
    }
    case 'us': return n < 1000 ? { number: String(n), unit: 'µs' } : written(Math.round(n / 1000), 'ms');
    case 'ms': return n < 10_000 ? { number: String(n), unit: 'ms' } : { number: (n / 1000).toFixed(0), unit: 's' };
    case 'per_min': return { number: GROUP.format(n), unit: 'per minute' };
    default: return { number: GROUP.format(n), unit };
  }
}

const DAY_MS = 86_400_000;

/** "89 days left", "today", "ended". */
export function timeLeft(ms: number): string {
  if (ms <= 0) return 'ended';
  const days = Math.floor(ms / DAY_MS);
  if (days < 1) return 'less than a day left';
  return days === 1 ? '1 day left' : `${GROUP.format(days)} days left`;
}
