import { body, http, path } from './client';
import type { components } from './schema';

/**
 * Orders, the keys that sign them, and the drug library. Parts of signed documents come as JSON in which every quantity is a
 * string of digits in its fixed unit (ng, nL, ng/mL, s), hashes and ids are hexadecimal, and times are Unix seconds. The
 * schema leaves every member of a document open; these types say what the server always sends.
 */
type Schemas = components['schemas'];

export interface Segment { offset_s: string; duration_s: string; volume_nl: string }
export interface Ptm { volume_nl: string; duration_s: string; lockout_s: string; max_24h: number; window_s?: string; max_window?: number; valid_for_s?: string }
export type Mode = 'stopped' | 'minimum' | 'continuous' | 'flex' | 'flex_day' | 'flex_week' | 'periodic' | 'single';
export interface DoseProgram { mode: Mode; cycle_s: string; segments: Segment[]; ptm?: Ptm; then?: Mode }
export interface Dose { volume_nl: string; duration_s: string }
export interface Ingredient { code: number; conc_ng_ml: string }
export interface Contents { ingredients: Ingredient[]; primary: number; route: 'intrathecal' | 'epidural' }
export interface Limit { code: number; max_1h_ng: string; max_24h_ng: string; withdrawal: Severity }
export interface Limits { ingredients: Limit[]; max_rate_nl_day?: string; ptm_min_lockout_s?: string; ptm_max_24h?: number }
export interface CheckNumber { code: number; day_ng: string; worst_ng: string; once_ng: string; bridge_ng: string }
export interface Flag { code: number; reason: string }
export interface Settings { low_nl: string; ptm_denied: number }
export type Severity = 'none' | 'moderate' | 'severe' | 'deadly';
export type Act = 'program' | 'bolus' | 'prime' | 'visit' | 'bind' | 'settings' | 'resume' | 'erase' | 'adopt' | 'transfer' | 'clock';
export type Group = 'cancer' | 'non_cancer' | 'spinal' | 'cerebral' | 'child';
export interface Branch { contents: Contents; limits: Limits; program: DoseProgram; prime?: Dose; bridge?: Dose; checks: CheckNumber[] }
export interface VisitPart { planned: Branch; same: Branch; bounds: { aspirated_min_nl: string; aspirated_max_nl: string; filled_min_nl: string; filled_max_nl: string }; rinse_nl?: string }

/** What people sign. */
export interface Prescription {
  v: number; act: Act; id: string; pump: string; serial: string; site: string; patient: string; epoch: number; state: string; not_before: number; expires: number; keyset: number;
  reason?: string; flags?: Flag[]; library?: string; group?: Group; contents?: Contents; limits?: Limits; program?: DoseProgram; dose?: Dose; bridge?: Dose; checks?: CheckNumber[];
  window?: string; visit?: VisitPart; settings?: Settings; volume_nl?: string; transfer?: { site: string; keyset: string }; zone_s?: number;
}

/** What a pump says of itself. */
export interface Report {
  state: { epoch: number; gen: number; run: number; program: DoseProgram; contents: Contents; settings: Settings; firmware: string };
  site: string; patient: string; foreign: boolean; limits: Limits; volume_nl: string; fill_nl: string; hour_nl: string; day_nl: string; bridge: boolean; busy: number; faults: string[]; trusted: boolean; run_ms: number;
  /** Other fluid than the reservoir's on the way to the tip, from the tip on; left_nl must flow until the last of it has gone. pace: of the bridge. */
  path?: { contents: Contents; left_nl: string; ceiling: { max_1h_nl: string; max_24h_nl: string } }[]; pace?: Dose;
  own_stop?: { person: string; run_ms: number; gen: number };
}

export interface Wish {
  act: Act; group?: Group; reason?: string; flags?: Flag[]; program?: DoseProgram; dose?: Dose; bridge?: Dose; contents?: Contents; visit?: VisitPart; settings?: Settings; volume_nl?: string; site?: number; patient?: string;
  zone_s?: number; life_s?: number;
}

/** From the reservoir to the catheter's tip; catheter_mm 0: the implanted length is not on record. */
export interface PathFigures { tubing_nl: string; catheter_nl_cm: string; catheter_mm: number; catheter_nl: string; path_nl: string }
/** What a refill visit is computed from. */
export interface Refill {
  group: Group; contents: Contents; program: DoseProgram; filled_nl: string; residual_nl?: string; rinse_nl?: string; catheter_mm?: number; prime?: 'catheter' | 'path'; prime_s?: string;
}
export interface BridgeLine { code: number; conc_ng_ml: string; amount_ng: string; before_ng: string; after_ng: string; target_ng: string; alone_s: string; per_day_ng: string }
export interface Bridging { dose: Dose; code: number; target_ng: string; day_nl: string; lines: BridgeLine[] }
export interface RefillPlan {
  visit: VisitPart; path: PathFigures; old?: Contents; reckoned_nl: string; tolerance_nl: string; bridge?: Bridging; same_bridge?: Bridging; same_is_old?: boolean;
  unbridged?: { code: number; per_day_ng: string; for_s: string }[]; left_nl: string; mixed?: Contents;
}

export interface DrugLimit {
  group: Group; route: 'intrathecal' | 'epidural'; hard_day_ng: string; hard_hour_ng: string; soft_day_ng?: string; hard_bolus_ng?: string; soft_bolus_ng?: string; hard_step_ng?: string; soft_step_ng?: string;
  hard_step_permille?: number; soft_step_permille?: number; ptm_min_lockout_s?: string; ptm_max_24h?: number; no_ptm?: boolean;
}
export interface Drug {
  code: number; name: string; class: string; unit: 'mg' | 'mcg'; decimals: number; withdrawal: Severity; restricted: boolean; source: string; max_conc_ng_ml: string; concs_ng_ml?: string[]; stability_s: string;
  fallback_permille: number; alone: boolean; jurisdiction?: string; limits?: DrugLimit[];
}
export interface Mixture { codes: number[]; stability_s: string; source: string }
export interface LibraryContent { v: number; version: number; issued: number; name: string; sample: boolean; drugs: Drug[]; mixtures?: Mixture[] }

/** Seven days of exactly the bytes, by the machine that runs in the pump. */
export interface Rehearsal {
  refused?: string;
  curve: { at_s: string; phase: string; rate_nl_day: string; volume_nl: string; most_nl: string }[];
  days: { presses: number; volume_nl: string; most_nl: string; doses: { code: number; given_ng: string; most_ng: string }[] }[];
  most: { code: number; hour_ng: string; day_ng: string }[];
  prime_nl: string; bridge_ends_s: string; low_at_s?: string; empty_at_s?: string; volume_nl: string;
  /** How long the contents of the reservoir stay stable. filled_at in Unix seconds; left_s 0: they do no more. */
  keeps?: { filled_at?: number; lasts_s: string; left_s?: string };
}

export type OrderState = Schemas['Order']['state'];
export type Finding = Schemas['OrderFinding'];
export type Order = Omit<Schemas['Order'], 'wish' | 'document'> & { wish: Wish | null; document: Prescription | null };
export type Preview = Omit<Schemas['OrderPreview'], 'document' | 'report' | 'rehearsal' | 'rehearsal_same' | 'bridge'> & { document: Prescription; report: Report; rehearsal: Rehearsal; rehearsal_same: Rehearsal | null; bridge: Bridging | null };
export type OrderDraft = Schemas['OrderDraft'];
export type KeptDraft = Schemas['KeptDraft'];
export type OrderNews = Schemas['OrderNews'];
export type OrderPatient = Omit<Schemas['OrderPatient'], 'groups'> & { groups: Group[] };
export type OrderSite = Schemas['OrderSite'];
export type OrderEvent = Schemas['OrderEvent'];
export type OrderLetter = Schemas['OrderLetter'];
/** What the root signs to take a pump to another site in the place of its own, and what became of it. */
export type RootTransfer = Schemas['RootTransfer'];
export type SigningKey = Schemas['SigningKey'];
export type SignRequest = Schemas['SignRequest'];
export type Signed = Schemas['Signed'];
export type Review = Schemas['OrderReview'];
export type OnCall = Schemas['OnCall'];
export type Meaning = 'prescribe' | 'verify' | 'pharmacist' | 'policy';
export type DrugLibrary = Omit<Schemas['DrugLibrary'], 'library'> & { library: LibraryContent };
export type KeyRecord = { person: string; key: string; roles: string[]; not_before: number; not_after: number; software: boolean; rp_id: string; origin?: string; sites?: string[] };
export type KeysetContent = { v: number; version: number; issued: number; expires: number; origin: string; keys: KeyRecord[]; policies?: { act?: Act; class: number; people: number; meanings?: Meaning[] }[]; revoked?: string[] };
export type Keyset = Omit<Schemas['KeysetVersion'], 'keyset'> & { keyset: KeysetContent };
export type Source = 'prescription' | 'syringe' | 'calculation' | 'pump' | 'record';
export interface FormNumber { name: string; unit: string }

export type Trend = Schemas['PumpTrend'];
export type TrendDay = Schemas['TrendDay'];
export type TrendStep = Schemas['TrendStep'];

export interface Therapy {
  report: Report; at: string; state_hash: string; drift: boolean; reservoir_capacity_nl: string; patient_groups: Group[]; patient: string | null; verifies_signatures: string;
  path: PathFigures; range: { max_rate_nl_day: string; idle_rate_nl_day: string; max_prime_nl: string; segments_per_day: number }; site_zone_s: number;
}

/** What a pump ran when an order was proposed, as far as it is compared with. */
export type Ran = Pick<Therapy, 'report' | 'at' | 'state_hash' | 'patient' | 'range' | 'site_zone_s'>;

interface ListQuery { pump?: string; open?: boolean; state?: OrderState[]; before?: string; limit?: number }

export const orders = {
  list: async (query: ListQuery) => await body(http.GET('/api/v1/orders', { params: { query } })) as unknown as { items: Order[]; next: string | null },
  /** All that are open, to the end: only of the whole list may be said that nothing waits. */
  allOpen: async (query: Pick<ListQuery, 'pump' | 'state'> = {}): Promise<Order[]> => {
    const all: Order[] = [];
    for (let next: string | null = ''; next !== null;) {
      const page: { items: Order[]; next: string | null } = await orders.list({ ...query, open: true, limit: 200, ...(next ? { before: next } : {}) });
      all.push(...page.items);
      ({ next } = page);
    }
    return all;
  },
  get: async (id: string) => await body(http.GET('/api/v1/orders/{id}', { params: path(id) })) as unknown as Order,
  history: (id: string): Promise<{ events: OrderEvent[]; letters: OrderLetter[] }> => body(http.GET('/api/v1/orders/{id}/history', { params: path(id) })),
  before: async (id: string): Promise<Ran | null> => (await body(http.GET('/api/v1/orders/{id}/before', { params: path(id) })) as unknown as { before: Ran | null }).before,
  rehearsal: async (id: string, branch?: 'planned' | 'same') => await body(http.GET('/api/v1/orders/{id}/rehearsal', { params: { ...path(id), query: branch ? { branch } : {} } })) as unknown as Rehearsal,
  letters: (pump: string): Promise<Schemas['PumpLetters']> => body(http.GET('/api/v1/pumps/{id}/letters', { params: path(pump) })),
  therapy: async (pump: string) => await body(http.GET('/api/v1/pumps/{id}/therapy', { params: path(pump) })) as unknown as Therapy,
  trends: (pump: string): Promise<Trend> => body(http.GET('/api/v1/pumps/{id}/trends', { params: path(pump) })),
  check: async (pump: string, wish: Wish) => await body(http.POST('/api/v1/pumps/{id}/orders/check', { params: path(pump), body: { wish: wish as never } })) as unknown as Preview,
  plan: async (pump: string, refill: Refill) => await body(http.POST('/api/v1/pumps/{id}/orders/plan', { params: path(pump), body: { refill: refill as never } })) as unknown as { plan: RefillPlan },
  patients: async (pump: string, begins: string, before: string | null) =>
    await body(http.GET('/api/v1/pumps/{id}/patients', { params: { ...path(pump), query: { ...(begins ? { begins } : {}), ...(before ? { before } : {}) } } })) as unknown as { items: OrderPatient[]; next: string | null },
  createPatient: async (site: string) => await body(http.POST('/api/v1/patients', { body: { site } })) as unknown as OrderPatient,
  destinations: (pump: string): Promise<{ items: OrderSite[] }> => body(http.GET('/api/v1/pumps/{id}/destinations', { params: path(pump) })),
  transfers: (pump: string): Promise<{ items: RootTransfer[]; destinations: OrderSite[] }> => body(http.GET('/api/v1/pumps/{id}/transfers/root', { params: path(pump) })),
  makeTransfer: (pump: string, site: string, reason: string): Promise<RootTransfer> => body(http.POST('/api/v1/pumps/{id}/transfers/root', { params: path(pump), body: { site, reason } })),
  handInTransfer: (pump: string, signed: string): Promise<RootTransfer> => body(http.POST('/api/v1/pumps/{id}/transfers/root/signed', { params: path(pump), body: { signed } })),
  drafts: (): Promise<{ items: KeptDraft[] }> => body(http.GET('/api/v1/order-drafts')),
  draftOf: async (pump: string): Promise<OrderDraft | null> => (await body(http.GET('/api/v1/pumps/{id}/orders/draft', { params: path(pump) }))).draft,
  keepDraft: (pump: string, d: { kind: Act; form: string }): Promise<OrderDraft> => body(http.PUT('/api/v1/pumps/{id}/orders/draft', { params: path(pump), body: d })),
  dropDraft: (pump: string): Promise<void> => body(http.DELETE('/api/v1/pumps/{id}/orders/draft', { params: path(pump) })),
  news: (id: string): Promise<{ items: OrderNews[] }> => body(http.GET('/api/v1/orders/{id}/news', { params: path(id) })),
  propose: async (pump: string, wish: Wish, draft?: string) =>
    await body(http.POST('/api/v1/pumps/{id}/orders', { params: path(pump), body: { wish: wish as never, ...(draft ? { draft } : {}) } })) as unknown as Order,
  discard: async (id: string) => await body(http.POST('/api/v1/orders/{id}/discard', { params: path(id) })) as unknown as Order,
  form: async (id: string) => await body(http.GET('/api/v1/orders/{id}/form', { params: path(id) })) as unknown as { numbers: FormNumber[]; sources: Source[] },
  verify: async (id: string, source: Source, entries: { name: string; value: string }[]) =>
    await body(http.POST('/api/v1/orders/{id}/verify', { params: path(id), body: { source, entries } })) as unknown as { match: boolean; differ: string[]; left: number; order: Order },
  prepareApproval: (id: string, key: string, meaning: Meaning): Promise<SignRequest> => body(http.POST('/api/v1/orders/{id}/approval', { params: path(id), body: { key, meaning } })),
  approve: async (id: string, signed: Signed) => await body(http.POST('/api/v1/orders/{id}/approvals', { params: path(id), body: signed })) as unknown as Order,
  prepareRelease: (id: string, key: string, visit?: { branch: 'planned' | 'same'; aspirated_nl: string; filled_nl: string }): Promise<SignRequest> => body(http.POST('/api/v1/orders/{id}/release', { params: path(id), body: { key, ...visit } })),
  release: async (id: string, signed: Signed) => await body(http.POST('/api/v1/orders/{id}/releases', { params: path(id), body: signed })) as unknown as Order,
  prepareStop: (pump: string, key: string, reason: string, overdose: boolean): Promise<SignRequest> => body(http.POST('/api/v1/pumps/{id}/stop', { params: path(pump), body: { key, reason, overdose } })),
  stop: (pump: string, signed: Signed): Promise<OrderLetter> => body(http.POST('/api/v1/pumps/{id}/stops', { params: path(pump), body: signed })),
  prepareWithdrawal: (id: string, key: string, reason: string): Promise<SignRequest> => body(http.POST('/api/v1/orders/{id}/withdrawal', { params: path(id), body: { key, reason } })),
  withdraw: async (id: string, signed: Signed) => await body(http.POST('/api/v1/orders/{id}/withdrawals', { params: path(id), body: signed })) as unknown as Order,
  reviews: (open: boolean): Promise<{ items: Review[] }> => body(http.GET('/api/v1/order-reviews', { params: { query: { open } } })),
  review: (id: string, agreed: boolean, note: string): Promise<Review> => body(http.POST('/api/v1/order-reviews/{id}', { params: path(id), body: { agreed, note } })),
};

const versioned = (version: string) => ({ path: { version } });

export const trust = {
  keys: (): Promise<{ items: SigningKey[] }> => body(http.GET('/api/v1/signing-keys')),
  addKey: (passkey: string, label: string): Promise<SigningKey> => body(http.POST('/api/v1/signing-keys', { body: { passkey, label } })),
  root: (): Promise<Schemas['TrustRoot']> => body(http.GET('/api/v1/root')),
  keysets: async () => await body(http.GET('/api/v1/keysets')) as unknown as { items: Keyset[] },
  libraries: async () => await body(http.GET('/api/v1/libraries')) as unknown as { items: DrugLibrary[] },
  diff: (version: string, from?: string) => body(http.GET('/api/v1/libraries/{version}/diff', { params: { ...versioned(version), query: from ? { from } : {} } })),
  holdings: () => body(http.GET('/api/v1/library-holdings')),
  check: (version: string) => body(http.GET('/api/v1/libraries/{version}/check', { params: versioned(version) })),
  draft: async (library: LibraryContent, note: string) => await body(http.POST('/api/v1/libraries', { body: { library: library as never, note } })) as unknown as DrugLibrary,
  submit: (version: string) => body(http.POST('/api/v1/libraries/{version}/submit', { params: versioned(version), body: {} })),
  approve: (version: string) => body(http.POST('/api/v1/libraries/{version}/approve', { params: versioned(version), body: {} })),
  reject: (version: string, reason: string) => body(http.POST('/api/v1/libraries/{version}/reject', { params: versioned(version), body: { reason } })),
};
