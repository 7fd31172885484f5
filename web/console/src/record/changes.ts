/** One member of a detail, before and after. */
export interface ChangeLine {
  readonly member: string;
  readonly before: string;
  readonly after: string;
  readonly changed: boolean;
}

const pairs = [['old', 'new'], ['from', 'to'], ['before', 'after']] as const;

/** The members of a detail that says what was and what is; null when it says neither. */
export function changesOf(detail: unknown): ChangeLine[] | null {
  if (typeof detail !== 'object' || detail === null) return null;
  const d = detail as Record<string, unknown>;
  const pair = pairs.find(([a, b]) => a in d && b in d);
  if (!pair) return null;
  const before = flat(d[pair[0]]);
  const after = flat(d[pair[1]]);
  const members = [...new Set([...before.keys(), ...after.keys()])];
  return members.map((member) => {
    const [b, a] = [before.get(member) ?? '–', after.get(member) ?? '–'];
    return { member: member || 'value', before: b, after: a, changed: a !== b };
  });
}

/** Members by their path: {facts: {udi: "x"}} is "facts.udi" x. Lists are compared as a whole. */
function flat(value: unknown, path = '', out = new Map<string, string>()): Map<string, string> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) for (const [k, v] of Object.entries(value)) flat(v, path ? `${path}.${k}` : k, out);
  else out.set(path, Array.isArray(value) ? value.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))).join(', ') || 'none' : value === '' || value === null || value === undefined ? '–' : String(value));
  return out;
}
