import { body, http, path } from './client';
import type { components } from './schema';
import type { ClaimSlip } from './types';

/** The life of devices: stock, explants, recalls, maintenance, and what people read off a pump. */
type Schemas = components['schemas'];

export type Communicator = Schemas['CommunicatorRow'];
export type CommunicatorDetail = Schemas['CommunicatorDetail'];
export type CommAct = 'lose' | 'find' | 'revoke' | 'restore' | 'retire';
export type Work = Schemas['Work'];
export type WorkKind = Work['kind'];
export type NewWork = Schemas['NewWork'];
export type Reading = Schemas['Reading'];
export type NewReading = Schemas['NewReading'];
export type Recall = Schemas['RecallRow'];
export type RecallDetail = Schemas['RecallDetail'];
export type RecallDevice = Schemas['RecallDevice'];
/** A device on a list: the communicator if one is named, else the pump. */
export type RecallTarget = Pick<RecallDevice, 'communicator' | 'pump'>;
export type RecallCriteria = Schemas['RecallCriteria'];
export type RecallPreview = Schemas['RecallPreview'];
export type NewRecall = Schemas['NewRecall'];
export type Contact = Schemas['Contact'];
export type Explant = Schemas['Explant'];
export type Fate = Explant['fate'];
export type Replacement = Schemas['Replacement'];
export type AlarmDetail = Schemas['AlarmDetail'];
export type DeviceProfile = Schemas['DeviceProfile'];
export type UDI = Schemas['UDI'];
export type ImportReport = Schemas['ImportReport'];
export type NewPump = Schemas['NewPump'];
export type Notes = Schemas['Notes'];
export type Pairing = Schemas['Pairing'];

const comm = (serial: string) => ({ path: { serial } });
/** A file goes as it is; the type of the schema knows no bytes. */
const csv = { headers: { 'Content-Type': 'text/csv' }, bodySerializer: (b: unknown) => b as string };

export const devices = {
  explant: async (id: string, b: { on: string; reason: string; fate: Fate; fate_note?: string; remainder_nl?: string; remainder_note?: string }): Promise<void> =>
    void await body(http.POST('/api/v1/pumps/{id}/explant', { params: path(id), body: b })),
  fate: (id: string, fate: Fate, reason: string): Promise<Explant> => body(http.POST('/api/v1/pumps/{id}/fate', { params: path(id), body: { fate, reason } })),
  replace: (id: string, next: string, reason: string): Promise<Replacement> => body(http.POST('/api/v1/pumps/{id}/replacement', { params: path(id), body: { new: next, reason } })),
  /** Takes back the link of the old pump to the one that took its place. */
  undoReplace: async (old: string, reason: string): Promise<void> => void await body(http.POST('/api/v1/pumps/{id}/replacement/undo', { params: path(old), body: { reason } })),
  withdrawClaim: async (id: string, reason: string): Promise<void> => void await body(http.POST('/api/v1/pumps/{id}/claim/withdraw', { params: path(id), body: { reason } })),
  edit: async (id: string, rev: string, label: string, notes: Notes): Promise<void> => void await body(http.POST('/api/v1/pumps/{id}/notes', { params: path(id), body: { rev, label, notes } })),

  communicators: (): Promise<Communicator[]> => body(http.GET('/api/v1/communicators')),
  communicator: (serial: string): Promise<CommunicatorDetail> => body(http.GET('/api/v1/communicators/{serial}', { params: comm(serial) })),
  stock: (b: { site: string; serial: string; model: string; firmware?: string; lot?: string; asset_no?: string }): Promise<Communicator> => body(http.POST('/api/v1/communicators', { body: b })),
  stockFile: (file: string, dry: boolean, site: string): Promise<ImportReport> =>
    body(http.POST('/api/v1/communicators/import', { params: { query: { dry_run: dry, site } }, body: file as never, ...csv })),
  move: (serial: string, act: CommAct, reason: string): Promise<Communicator> => body(http.POST('/api/v1/communicators/{serial}/status', { params: comm(serial), body: { act, reason } })),
  reserve: (serial: string, pump: string, reason: string): Promise<Communicator> => body(http.POST('/api/v1/communicators/{serial}/reserve', { params: comm(serial), body: { pump, reason } })),
  release: (serial: string, reason: string): Promise<Communicator> => body(http.POST('/api/v1/communicators/{serial}/release', { params: comm(serial), body: { reason } })),

  work: (pump: string): Promise<Work[]> => body(http.GET('/api/v1/pumps/{id}/work', { params: path(pump) })),
  addWork: (pump: string, w: NewWork): Promise<Work> => body(http.POST('/api/v1/pumps/{id}/work', { params: path(pump), body: w })),
  addCommWork: (serial: string, w: NewWork): Promise<Work> => body(http.POST('/api/v1/communicators/{serial}/work', { params: comm(serial), body: w })),
  endWork: (id: string, state: 'done' | 'dropped', result: string): Promise<Work> => body(http.POST('/api/v1/work/{id}/end', { params: path(id), body: { state, result } })),
  dueWork: (): Promise<Work[]> => body(http.GET('/api/v1/work', {})),

  readings: (pump: string): Promise<Reading[]> => body(http.GET('/api/v1/pumps/{id}/readings', { params: path(pump) })),
  record: (pump: string, r: NewReading): Promise<Reading> => body(http.POST('/api/v1/pumps/{id}/readings', { params: path(pump), body: r })),
  correct: (pump: string, reading: string, r: NewReading & { reason: string }): Promise<Reading> =>
    body(http.POST('/api/v1/pumps/{id}/readings/{reading}/correct', { params: { path: { id: pump, reading } }, body: r })),
  readingsFile: (file: string, dry: boolean): Promise<ImportReport> =>
    body(http.POST('/api/v1/readings/import', { params: { query: { dry_run: dry } }, body: file as never, ...csv })),

  recalls: (): Promise<Recall[]> => body(http.GET('/api/v1/recalls')),
  recall: (id: string): Promise<RecallDetail> => body(http.GET('/api/v1/recalls/{id}', { params: path(id) })),
  previewRecall: (device: Recall['device'], maker: string, criteria: RecallCriteria): Promise<RecallPreview> => body(http.POST('/api/v1/recalls/preview', { body: { device, maker, criteria } })),
  createRecall: (r: NewRecall): Promise<Recall> => body(http.POST('/api/v1/recalls', { body: r })),
  endRecall: (id: string, state: 'closed' | 'withdrawn', reason: string): Promise<Recall> => body(http.POST('/api/v1/recalls/{id}/end', { params: path(id), body: { state, reason } })),
  addToRecall: (recall: string, device: RecallTarget, reason: string): Promise<RecallDevice> =>
    body(device.communicator ? http.POST('/api/v1/communicators/{serial}/recalls', { params: comm(device.communicator), body: { recall, reason } })
      : http.POST('/api/v1/pumps/{id}/recalls', { params: path(device.pump!), body: { recall, reason } })),
  recallDevice: (id: string, device: RecallTarget, act: 'confirm' | 'remove' | 'close' | 'reopen', reason: string, outcome: NonNullable<RecallDevice['outcome']> | '' = ''): Promise<RecallDevice> => {
    const what = { act, reason, outcome: outcome as '' };
    return body(device.communicator ? http.POST('/api/v1/recalls/{id}/communicators/{serial}', { params: { path: { id, serial: device.communicator } }, body: what })
      : http.POST('/api/v1/recalls/{id}/pumps/{pump}', { params: { path: { id, pump: device.pump! } }, body: what }));
  },
  recallContact: (id: string, device: RecallTarget, c: { at: string; caller?: string; contacted: string; way: Contact['way']; outcome: Contact['outcome']; note?: string }): Promise<RecallDevice> =>
    body(device.communicator ? http.POST('/api/v1/recalls/{id}/communicators/{serial}/contacts', { params: { path: { id, serial: device.communicator } }, body: c })
      : http.POST('/api/v1/recalls/{id}/pumps/{pump}/contacts', { params: { path: { id, pump: device.pump! } }, body: c })),

  alarm: (id: string): Promise<AlarmDetail> => body(http.GET('/api/v1/alarms/{id}', { params: path(id) })),
  noteAlarm: async (id: string, note: string): Promise<void> => void await body(http.POST('/api/v1/alarms/{id}/note', { params: path(id), body: { note } })),

  profiles: (): Promise<DeviceProfile[]> => body(http.GET('/api/v1/profiles')),
  udi: (text: string): Promise<UDI> => body(http.GET('/api/v1/udi', { params: { query: { text } } })),
  register: (p: NewPump): Promise<Schemas['PumpBrief']> => body(http.POST('/api/v1/pumps', { body: p })),
  pumpsFile: (file: string, dry: boolean, site: string): Promise<ImportReport> =>
    body(http.POST('/api/v1/pumps/import', { params: { query: { dry_run: dry, site } }, body: file as never, ...csv })),
  claim: (id: string): Promise<ClaimSlip> => body(http.POST('/api/v1/pumps/{id}/claim', { params: path(id), body: {} })),
};
