/** The address of a new draft: the version that it begins with. */
export interface NewSearch { from?: string }

export function readNewSearch(raw: Record<string, unknown>): NewSearch {
  const from = typeof raw.from === 'number' ? String(raw.from) : raw.from;
  return typeof from === 'string' && /^[1-9]\d{0,15}$/.test(from) ? { from } : {};
}
