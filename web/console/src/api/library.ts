import { body, http } from './client';
import type { Group, Keyset, LibraryContent } from './orders';
import type { components } from './schema';

/** The drug library, the root, and which of their versions the pumps have. */
type Schemas = components['schemas'];

export type Confidence = 'found' | 'high' | 'medium' | 'low' | 'proposal' | 'site';
/** Where one number comes from: of a drug, of one of its limits, or of a mixture. `field` is named as in the document. */
export interface Source { drug?: number; group?: Group; route?: 'intrathecal' | 'epidural'; mixture?: number[]; field: string; source: string; confidence: Confidence }
/** How fast a drug's dose may rise. */
export interface Pace { drug: number; min_gap_s: string; max_7d: number }
export interface Annex { sources: Source[]; paces: Pace[] }
export type LibraryVersion = Omit<Schemas['DrugLibrary'], 'library' | 'annex'> & { library: LibraryContent; annex: Annex };
export type LibraryState = LibraryVersion['state'];
export type LibraryPump = Schemas['LibraryPump'];
export type LibraryCheck = Schemas['LibraryCheck'];
export type LibrarySignatures = { needed: number; items: Schemas['LibrarySignature'][] };
export type Adopted = Schemas['LibraryAdopted'];
export type RootSignature = Schemas['RootSignature'];
export type KeysetPump = Schemas['KeysetPump'];
export interface DraftBody { library: LibraryContent; annex: Annex; note: string; rev?: number }

const at = (version: string) => ({ path: { version } });

export const libraries = {
  list: async () => (await body(http.GET('/api/v1/libraries')) as unknown as { items: LibraryVersion[] }).items,
  get: async (version: string) => await body(http.GET('/api/v1/libraries/{version}', { params: at(version) })) as unknown as LibraryVersion,
  pumps: async (): Promise<LibraryPump[]> => (await body(http.GET('/api/v1/library-pumps'))).items,
  adoption: async (version: string): Promise<Adopted[]> => (await body(http.GET('/api/v1/libraries/{version}/adoption', { params: at(version) }))).items,
  check: (version: string): Promise<LibraryCheck> => body(http.GET('/api/v1/libraries/{version}/check', { params: at(version) })),
  signatures: (version: string): Promise<LibrarySignatures> => body(http.GET('/api/v1/libraries/{version}/signatures', { params: at(version) })),
  draft: async (draft: DraftBody) => await body(http.POST('/api/v1/libraries', { body: draft as never })) as unknown as LibraryVersion,
  change: async (version: string, draft: DraftBody) => await body(http.PUT('/api/v1/libraries/{version}', { params: at(version), body: draft as never })) as unknown as LibraryVersion,
  submit: (version: string) => body(http.POST('/api/v1/libraries/{version}/submit', { params: at(version), body: {} })),
  approve: (version: string) => body(http.POST('/api/v1/libraries/{version}/approve', { params: at(version), body: {} })),
  reject: (version: string, reason: string) => body(http.POST('/api/v1/libraries/{version}/reject', { params: at(version), body: { reason } })),
  sign: async (version: string, signature: RootSignature): Promise<void> => void await body(http.POST('/api/v1/libraries/{version}/signatures', { params: at(version), body: signature })),
};

export const keysets = {
  list: async () => (await body(http.GET('/api/v1/keysets')) as unknown as { items: Keyset[] }).items,
  pumps: async (): Promise<KeysetPump[]> => (await body(http.GET('/api/v1/keyset-pumps'))).items,
  draft: async (reason: string) => await body(http.POST('/api/v1/keysets', { body: { reason } })) as unknown as Keyset,
  sign: async (version: string, signature: RootSignature): Promise<void> => void await body(http.POST('/api/v1/keysets/{version}/signatures', { params: at(version), body: signature })),
  revoke: async (key: string, reason: string): Promise<void> => void await body(http.POST('/api/v1/signing-keys/{id}/revoke', { params: { path: { id: key } }, body: { reason } })),
};
