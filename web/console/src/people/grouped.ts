/** The things by what `key` says of them, in the order in which they came. */
export function grouped<T>(all: readonly T[], key: (one: T) => string): [string, T[]][] {
  const by = new Map<string, T[]>();
  for (const one of all) by.set(key(one), [...(by.get(key(one)) ?? []), one]);
  return [...by];
}
