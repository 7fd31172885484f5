import { body, http, path } from './client';
import type { components } from './schema';

/** What people make of the list: the filter language's catalogue, tags, groups, views, and work on many pumps. */
type Schemas = components['schemas'];

export type PumpFields = Schemas['PumpFields'];
export type Group = Schemas['Group'];
export type Tag = Schemas['Tag'];
export type View = Schemas['View'];
export type NewView = Schemas['NewView'];
export type FrozenList = Schemas['FrozenList'];
export type Run = Schemas['Run'];
export type RunItem = Schemas['RunItem'];
export type RunSlip = Schemas['RunSlip'];
export type Action = Run['action'];

const once = (key: string) => ({ 'Idempotency-Key': key });
const match = (etag: string) => ({ 'If-Match': etag });

export const fleetApi = {
  fields: (): Promise<PumpFields> => body(http.GET('/api/v1/pumps/fields')),
  groups: (): Promise<Group[]> => body(http.GET('/api/v1/groups')),
  createGroup: (what: Schemas['NewGroup']): Promise<Group> => body(http.POST('/api/v1/groups', { body: what })),
  editGroup: (g: Group, what: Omit<Schemas['NewGroup'], 'site'>): Promise<Group> => body(http.PUT('/api/v1/groups/{id}', { params: { ...path(g.id), header: match(g.etag) }, body: what })),
  deleteGroup: async (g: Group): Promise<void> => void await body(http.DELETE('/api/v1/groups/{id}', { params: { ...path(g.id), header: match(g.etag) } })),
  setMember: async (group: string, pump: string, on: boolean): Promise<void> => void await body(http.POST('/api/v1/groups/{id}/pumps', { params: path(group), body: { pump, in: on } })),
  tags: (): Promise<Tag[]> => body(http.GET('/api/v1/tags')),
  /** Answers the tags that the pump has then. */
  tagPump: (pump: string, add: string[], remove: string[]): Promise<string[]> => body(http.POST('/api/v1/pumps/{id}/tags', { params: path(pump), body: { add, remove } })),
  views: (): Promise<View[]> => body(http.GET('/api/v1/views')),
  createView: (what: NewView): Promise<View> => body(http.POST('/api/v1/views', { body: what })),
  editView: (v: View, what: NewView): Promise<View> => body(http.PUT('/api/v1/views/{id}', { params: { ...path(v.id), header: match(v.etag) }, body: what })),
  deleteView: async (v: View): Promise<void> => void await body(http.DELETE('/api/v1/views/{id}', { params: { ...path(v.id), header: match(v.etag) } })),
  freeze: (q: string, pumps?: string[]): Promise<FrozenList> => body(http.POST('/api/v1/pumps/frozen', { body: pumps ? { q, pumps } : { q } })),
  /** The key makes a run that is asked for twice one run. */
  begin: (key: string, what: Schemas['BeginInputBody']): Promise<Run> => body(http.POST('/api/v1/runs', { params: { header: once(key) }, body: what })),
  revoke: (key: string, frozen: string, reason: string): Promise<Run> => body(http.POST('/api/v1/runs/revoke', { params: { header: once(key) }, body: { frozen, reason } })),
  /** One's own, newest first. */
  runs: (): Promise<Run[]> => body(http.GET('/api/v1/runs')),
  run: (id: string): Promise<Run> => body(http.GET('/api/v1/runs/{id}', { params: path(id) })),
  stop: (id: string): Promise<Run> => body(http.POST('/api/v1/runs/{id}/stop', { params: path(id) })),
  items: (id: string, state: RunItem['state'], after?: string): Promise<Schemas['RunItems']> =>
    body(http.GET('/api/v1/runs/{id}/items', { params: { ...path(id), query: { state, limit: 100, ...(after ? { after } : {}) } } })),
  slips: (key: string, id: string): Promise<Schemas['RunSlips']> => body(http.POST('/api/v1/runs/{id}/slips', { params: { ...path(id), header: once(key) }, body: { limit: 50 } })),
};

/** Where the list is as a file: exactly what is shown. */
export function tableAddress(q: string, sort: string, columns: readonly string[]): string {
  const p = new URLSearchParams();
  if (q !== '') p.set('q', q);
  p.set('sort', sort);
  p.set('columns', columns.join(','));
  return `/api/v1/pumps/table?${p}`;
}
