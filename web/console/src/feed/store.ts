/**
 * Rows outside React. A Map by id; every change replaces one immutable row, raises its version and wakes only the
 * listeners of that row. The ten thousand rows that are not on the screen cost nothing to update.
 */
export class RowStore<R extends { readonly id: string }> {
  private rows = new Map<string, R>();
  private versions = new Map<string, number>();
  private byRow = new Map<string, Set<() => void>>();
  private any = new Set<() => void>();
  private waking = false;
  /** Rises with every change of any row. */
  version = 0;
  /** Rises when rows come or go. */
  membership = 0;

  get(id: string): R | undefined {
    return this.rows.get(id);
  }

  get size(): number {
    return this.rows.size;
  }

  ids(): string[] {
    return [...this.rows.keys()];
  }

  values(): IterableIterator<R> {
    return this.rows.values();
  }

  /** 0 for a row that was never here. */
  rowVersion(id: string): number {
    return this.versions.get(id) ?? 0;
  }

  /** Takes a full snapshot. Rows that did not change keep their identity, so that nothing repaints. */
  replace(rows: readonly R[]): void {
    const seen = new Set<string>();
    for (const row of rows) {
      seen.add(row.id);
      const old = this.rows.get(row.id);
      if (old === undefined || !sameFields(old, row)) this.put(row);
    }
    for (const id of this.rows.keys()) if (!seen.has(id)) this.drop(id);
    this.wakeAny();
  }

  /** Merges partial rows. A partial of an unknown row is taken as it is when `complete` says it is whole, else it is left out. */
  patch(partials: readonly (Partial<R> & { readonly id: string })[], complete: (row: Partial<R>) => boolean): void {
    for (const partial of partials) {
      const old = this.rows.get(partial.id);
      if (old === undefined && !complete(partial)) continue;
      this.put({ ...old, ...partial } as R);
    }
    this.wakeAny();
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) if (this.rows.has(id)) this.drop(id);
    this.wakeAny();
  }

  /** Listens to one row. */
  subscribeRow(id: string, f: () => void): () => void {
    let set = this.byRow.get(id);
    if (!set) this.byRow.set(id, (set = new Set()));
    set.add(f);
    return () => {
      set.delete(f);
      if (set.size === 0 && this.byRow.get(id) === set) this.byRow.delete(id);
    };
  }

  /** Listens to all rows, at most once per task. Listeners must do their own rate limiting. */
  subscribe = (f: () => void): (() => void) => {
    this.any.add(f);
    return () => void this.any.delete(f);
  };

  private put(row: R) {
    if (!this.rows.has(row.id)) this.membership++;
    this.rows.set(row.id, row);
    this.touch(row.id);
  }

  private drop(id: string) {
    this.rows.delete(id);
    this.membership++;
    this.touch(id);
  }

  private touch(id: string) {
    this.version++;
    this.versions.set(id, (this.versions.get(id) ?? 0) + 1);
    for (const f of this.byRow.get(id) ?? []) f();
  }

  private wakeAny() {
    if (this.waking) return;
    this.waking = true;
    queueMicrotask(() => {
      this.waking = false;
      for (const f of this.any) f();
    });
  }
}

/** Structural equality of JSON values, good enough for rows of the API. */
export function sameFields(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((k) => sameFields((a as Record<string, unknown>)[k], (b as Record<string, unknown>)[k]));
}
