import type { OrderChange } from './frames';

/** Hears what happens to orders, as the lane of the feed tells it; null means that something was missed, so that all must be read again. */
export class OrderNews {
  private listeners = new Set<(c: OrderChange | null) => void>();

  subscribe = (f: (c: OrderChange | null) => void): (() => void) => {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  };

  tell(c: OrderChange): void {
    for (const f of this.listeners) f(c);
  }

  lose(): void {
    for (const f of this.listeners) f(null);
  }
}
