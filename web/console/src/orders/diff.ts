/** Settings side by side: what runs now, what is asked for, and in words how they differ. Pure: partsOf in rows.ts fills it in. */

/** How a line differs from what runs. */
export type Mark = 'same' | 'changed' | 'new' | 'removed';

/** One setting of an order. */
export interface Row {
  readonly name: string;
  /** What runs now; null when there is nothing to compare with. */
  readonly old: string | null;
  readonly now: string;
  /** Null: the line is compared with nothing. */
  readonly mark: Mark | null;
  /** By how much, of a number: "+12.5 %". */
  readonly change?: string;
}
export interface Part {
  readonly title: string;
  readonly rows: Row[];
}

interface Options {
  readonly change?: string;
  /** How a side is written that does not have the setting. */
  readonly absent?: string;
}

/** A setting with both of its sides; null is what a side does not have. */
export type Line = (name: string, was: string | null, now: string | null, options?: Options) => Row;
/** Something that no pump runs: who it is for, until when it is valid, why. */
export type Alone = (name: string, now: string) => Row;

export const alone: Alone = (name, now) => ({ name, old: null, now, mark: null });

/** Lines that are compared with what runs, or lines of the order only. */
export function lines(compared: boolean): Line {
  return (name, was, now, { change, absent = 'none' } = {}) => {
    if (!compared) return alone(name, now ?? absent);
    const mark: Mark = was === now ? 'same' : was === null ? 'new' : now === null ? 'removed' : 'changed';
    return { name, old: was ?? absent, now: now ?? absent, mark, ...(change !== undefined && mark === 'changed' ? { change } : {}) };
  };
}

export const differs = (r: Row): boolean => r.mark !== null && r.mark !== 'same';

/** The word behind the sign of a line that differs: "changed +12.5 %", "new", "removed". */
export const markText = (r: Row): string => (r.mark === null ? '' : r.change === undefined ? r.mark : `${r.mark} ${r.change}`);

export const countDiffering = (parts: readonly Part[]): number => parts.reduce((k, p) => k + p.rows.filter(differs).length, 0);
