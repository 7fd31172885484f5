import createClient, { type Middleware } from 'openapi-fetch';
import { PASSIVE_HEADER, unattended } from './activity';
import { send } from './gates';
import { Problem } from './problem';
import type { paths } from './schema';
import type { AlarmList, AlarmRow, ApiToken, Asked, AuditProof, AuditRow, Checkpoint, ClaimSlip, Consistency, DemoPerson, Enrolment, EventName, EventPage, IssuedCode, Made, Me, NewToken, OneTimeCode, Page, PasskeyAnswer, Person, Priority, PumpDetail, PumpSnapshot, RecordKeys, Refusal, Role, RoleAt, RolesInfo, Scope, Security, SignInKey, Site, SiteFacts, Status, Stretch, Telemetry, TimelineItem, Visit, WaysIn } from './types';
import { keyFor, noteAnswered, noteUnanswered } from './unanswered';

const writes = (request: Request) => request.method !== 'GET';

const passive: Middleware = {
  async onRequest({ request }) {
    if (unattended()) request.headers.set(PASSIVE_HEADER, '1');
    // What is sent again after a signature, a new session or a lost answer is the same request, and is done once.
    if (request.method === 'POST' && !request.headers.has('Idempotency-Key')) request.headers.set('Idempotency-Key', await keyFor(request));
    return request;
  },
  async onResponse({ request, response }) {
    if (!writes(request)) return;
    // A refusal says nothing of an earlier sending; its key may be used again.
    if (response.ok) noteAnswered(request);
    else if (response.status >= 500) await noteUnanswered(request);
    // What stands between the page and the server has lost the server's answer.
    if (response.status === 502 || response.status === 504) throw Problem.unanswered(response.status);
  },
  async onError({ request, error }) {
    if (error instanceof Problem) return error;
    if (!writes(request)) return Problem.unreachable(error);
    await noteUnanswered(request);
    return Problem.unanswered(error);
  },
};

export const http = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin', fetch: send });
http.use(passive);

/** The body of a success; everything else is thrown as a Problem. */
export async function body<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw await Problem.from(response, error);
  return data as T;
}

export const path = (id: string) => ({ path: { id } });
const acts = {
  revoke: '/api/v1/pumps/{id}/revoke', reinstate: '/api/v1/pumps/{id}/reinstate', retire: '/api/v1/pumps/{id}/retire',
} as const;

interface PageQuery {
  before?: string;
  limit?: number;
}

const personActs = {
  disable: '/api/v1/people/{id}/disable', enable: '/api/v1/people/{id}/enable', 'end-sessions': '/api/v1/people/{id}/end-sessions',
} as const;

interface PeopleQuery extends PageQuery {
  text?: string;
  site?: string;
  role?: Role;
  state?: 'open' | 'disabled' | 'all';
}

interface EventsQuery {
  tail?: number;
  after?: string;
  names?: string;
  pump?: string;
  site?: string;
  limit?: number;
  wait?: number;
}

/** A file of the server's, and what it is called. */
export interface Saved {
  readonly blob: Blob;
  readonly name: string;
}

const nameOf = (response: Response, otherwise: string) => /filename="?([^";]+)"?/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? otherwise;

/** Reads a file at an address of the API. It rejects with a Problem. */
export async function download(address: string): Promise<Saved> {
  const url = new URL(address, location.origin);
  const response = await send(new Request(url, { credentials: 'same-origin' })).catch((err: unknown) => {
    throw err instanceof Problem ? err : Problem.unreachable(err);
  });
  if (!response.ok) throw await Problem.from(response);
  const blob = await response.blob().catch((err: unknown) => {
    throw Problem.unreachable(err);
  });
  return { blob, name: nameOf(response, url.pathname.split('/').at(-1)!) };
}

/** Every call that the console makes. Each rejects with a Problem. */
export const api = {
  me: (): Promise<Me> => body(http.GET('/api/v1/session')),
  signIn: (login: string, password: string): Promise<Me> => body(http.POST('/api/v1/session', { body: { login, password } })),
  signOut: async (): Promise<void> => void await body(http.DELETE('/api/v1/session')),
  demoPeople: (): Promise<{ people: DemoPerson[] }> => body(http.GET('/api/v1/session/demo')),
  beginVisit: (patient: string): Promise<Visit> => body(http.POST('/api/v1/session/visit', { body: { patient } })),
  endVisit: async (): Promise<void> => void await body(http.DELETE('/api/v1/session/visit')),
  waysIn: (): Promise<WaysIn> => body(http.GET('/api/v1/session/ways')),
  askPasskey: (): Promise<Asked> => body(http.POST('/api/v1/session/passkey/ask')),
  signInPasskey: (answer: PasskeyAnswer): Promise<Me> => body(http.POST('/api/v1/session/passkey', { body: answer })),
  beginOidc: (link: { login?: string; code?: string }): Promise<{ url: string }> => body(http.POST('/api/v1/session/oidc/begin', { body: link })),
  finishOidc: (back: { state: string; code: string; iss: string; error: string }): Promise<Me> => body(http.POST('/api/v1/session/oidc', { body: back })),
  unlink: async (id: string): Promise<void> => void await body(http.POST('/api/v1/me/links/{id}/end', { params: path(id) })),
  beginEnrol: (login: string, code: string): Promise<Enrolment> => body(http.POST('/api/v1/enrol/ask', { body: { login, code } })),
  finishEnrol: (made: Made & { login: string; code: string }): Promise<SignInKey> => body(http.POST('/api/v1/enrol', { body: made })),
  security: (): Promise<Security> => body(http.GET('/api/v1/me')),
  beginKey: (): Promise<Enrolment> => body(http.POST('/api/v1/me/keys/ask')),
  addKey: (made: Made): Promise<SignInKey> => body(http.POST('/api/v1/me/keys', { body: made })),
  renameKey: async (id: string, name: string): Promise<void> => void await body(http.POST('/api/v1/me/keys/{id}/rename', { params: path(id), body: { name } })),
  revokeKey: async (id: string, reason: string): Promise<void> => void await body(http.POST('/api/v1/me/keys/{id}/revoke', { params: path(id), body: { reason } })),
  endSession: async (id: string): Promise<void> => void await body(http.POST('/api/v1/me/sessions/{id}/end', { params: path(id) })),
  endOtherSessions: async (): Promise<void> => void await body(http.POST('/api/v1/me/sessions/end-others')),
  seeNotices: async (upTo: string): Promise<void> => void await body(http.POST('/api/v1/me/notices/seen', { body: { up_to: upTo } })),
  objectToCode: async (id: string): Promise<void> => void await body(http.POST('/api/v1/me/codes/{id}/object', { params: path(id) })),
  codes: (): Promise<OneTimeCode[]> => body(http.GET('/api/v1/codes')),
  issueCode: (person: string, purpose: OneTimeCode['purpose'], reason: string): Promise<IssuedCode> => body(http.POST('/api/v1/people/{id}/codes', { params: path(person), body: { purpose, reason } })),
  confirmCode: (id: string): Promise<OneTimeCode> => body(http.POST('/api/v1/codes/{id}/confirm', { params: path(id) })),
  withdrawCode: (id: string): Promise<OneTimeCode> => body(http.POST('/api/v1/codes/{id}/withdraw', { params: path(id) })),
  keysOf: (person: string): Promise<SignInKey[]> => body(http.GET('/api/v1/people/{id}/keys', { params: path(person) })),
  revokeKeyOf: async (person: string, key: string, reason: string): Promise<void> =>
    void await body(http.POST('/api/v1/people/{id}/keys/{key}/revoke', { params: { path: { id: person, key } }, body: { reason } })),
  askSoftwareKey: (): Promise<Asked> => body(http.POST('/api/v1/me/software-key/ask')),
  addSoftwareKey: (made: Made): Promise<SignInKey> => body(http.POST('/api/v1/me/software-key', { body: made })),
  sites: (): Promise<Site[]> => body(http.GET('/api/v1/sites')),
  pumps: async () => await body(http.GET('/api/v1/pumps')) as PumpSnapshot,
  pump: async (id: string) => await body(http.GET('/api/v1/pumps/{id}', { params: path(id) })) as PumpDetail,
  telemetry: (id: string, from: number, to: number, points: number): Promise<Telemetry> =>
    body(http.GET('/api/v1/pumps/{id}/telemetry', { params: { ...path(id), query: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), points } } })),
  timeline: async (id: string, query: PageQuery & { kinds?: string; groups?: string; by?: string; until?: string }) => await body(http.GET('/api/v1/pumps/{id}/timeline', { params: { ...path(id), query } })) as Page<TimelineItem>,
  refusals: (id: string, query: PageQuery): Promise<Page<Refusal>> => body(http.GET('/api/v1/pumps/{id}/refusals', { params: { ...path(id), query } })),
  people: (query: PeopleQuery): Promise<Page<Person>> => body(http.GET('/api/v1/people', { params: { query } })),
  person: (id: string): Promise<Person> => body(http.GET('/api/v1/people/{id}', { params: path(id) })),
  roles: (): Promise<RolesInfo> => body(http.GET('/api/v1/roles')),
  addPerson: (what: RoleAt & { login: string; name: string; password?: string; reason: string }): Promise<Person> => body(http.POST('/api/v1/people', { body: what })),
  invitePerson: (what: RoleAt & { login: string; reason: string }): Promise<Person> => body(http.POST('/api/v1/people/invite', { body: what })),
  grantRole: (id: string, what: RoleAt & { reason: string }): Promise<Person> => body(http.POST('/api/v1/people/{id}/grant', { params: path(id), body: what })),
  withdrawRole: (id: string, what: RoleAt & { reason: string }): Promise<Person> => body(http.POST('/api/v1/people/{id}/withdraw', { params: path(id), body: what })),
  personAct: (id: string, act: keyof typeof personActs, reason: string): Promise<Person> => body(http.POST(personActs[act], { params: path(id), body: { reason } })),
  createSite: (facts: SiteFacts): Promise<Site> => body(http.POST('/api/v1/sites', { body: facts })),
  changeSite: (site: Site, facts: SiteFacts & { reason: string }): Promise<Site> =>
    body(http.PUT('/api/v1/sites/{id}', { params: { ...path(site.id), header: { 'If-Match': `"r${site.rev}"` } }, body: facts })),
  tokens: (whose: 'mine' | 'sites'): Promise<{ items: ApiToken[] }> => body(whose === 'mine' ? http.GET('/api/v1/tokens') : http.GET('/api/v1/tokens/sites')),
  createToken: (what: { name: string; scopes: Scope[]; sites: string[]; days: number }): Promise<NewToken> => body(http.POST('/api/v1/tokens', { body: what })),
  revokeToken: (id: string, reason: string): Promise<ApiToken> => body(http.POST('/api/v1/tokens/{id}/revoke', { params: path(id), body: { reason } })),
  claim: (id: string): Promise<ClaimSlip> => body(http.POST('/api/v1/pumps/{id}/claim', { params: path(id), body: {} })),
  act: async (id: string, verb: keyof typeof acts, reason: string): Promise<void> => void await body(http.POST(acts[verb], { params: path(id), body: { reason } })),
  swapCommunicator: (id: string, serial: string, lost: boolean, reason: string): Promise<ClaimSlip> =>
    body(http.POST('/api/v1/pumps/{id}/communicator', { params: path(id), body: { serial, lost, reason } })),
  alarms: (query: PageQuery & { state?: 'active' | 'cleared' | 'all'; pump?: string; least?: Priority; most?: Priority }): Promise<AlarmList> => body(http.GET('/api/v1/alarms', { params: { query } })),
  acknowledge: (id: string, note: string): Promise<AlarmRow> => body(http.POST('/api/v1/alarms/{id}/acknowledge', { params: path(id), body: { note } })),
  audit: (query: PageQuery & { kind?: string; pump?: string; actor?: string; object?: string; from?: string; to?: string }): Promise<Page<AuditRow>> => body(http.GET('/api/v1/audit', { params: { query } })),
  auditProof: (id: string): Promise<AuditProof> => body(http.GET('/api/v1/audit/{id}/proof', { params: path(id) })),
  auditLeaves: (from: number, limit: number): Promise<Stretch> => body(http.GET('/api/v1/audit/leaves', { params: { query: { from, limit } } })),
  auditConsistency: (from: number): Promise<Consistency> => body(http.GET('/api/v1/audit/consistency', { params: { query: { from } } })),
  auditKeys: (): Promise<RecordKeys> => body(http.GET('/api/v1/audit/keys')),
  /** The whole record as a file. It asks for a signature. */
  exportAudit: async (): Promise<Saved> => {
    const { data, error, response } = await http.POST('/api/v1/audit/export', { parseAs: 'blob' });
    if (!response.ok) throw await Problem.from(response, error);
    return { blob: data as unknown as Blob, name: nameOf(response, 'cisterna-record.bundle') };
  },
  events: (query: EventsQuery): Promise<EventPage> => body(http.GET('/api/v1/events', { params: { query } })),
  eventNames: (): Promise<{ items: EventName[] }> => body(http.GET('/api/v1/events/names')),
  status: (): Promise<Status> => body(http.GET('/api/v1/status')),
  checkpoint: (): Promise<Checkpoint> => body(http.GET('/api/v1/audit/checkpoint')),
};
