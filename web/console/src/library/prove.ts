import type { LibraryVersion } from '../api/library';
import type { DrugLimit } from '../api/orders';
import { hex, sha256, unbase64url, type Bytes } from '../order/bytes';
import { quorumMet, readLibrary, readLibraryBody, type Library } from '../order/trust';
import { pinned } from '../orders/root';

/** What this browser finds about a version by itself, from the exact bytes and with the second reader of src/order. */
export interface LibraryProof {
  /** The bytes hold what the page shows, number by number. */
  readonly content: 'holds' | 'differs' | 'unreadable';
  /** SHA-256 of what is signed. */
  readonly hash: string;
  /** Of a signed one: whether enough of the library keys signed these bytes that the root names which this browser knows. */
  readonly signed: 'good' | 'bad' | 'none' | 'other root';
}

function need(text: string): Bytes {
  const b = unbase64url(text);
  if (b === null) throw new Error('not base64url');
  return b;
}

export async function proveLibrary(v: LibraryVersion, root: string): Promise<LibraryProof> {
  try {
    const body = need(v.body);
    const hash = hex(await sha256(body));
    const shown = JSON.stringify(ofPage(v.library));
    const content = hash === v.body_hash && JSON.stringify(ofBytes(await readLibraryBody(body))) === shown ? 'holds' : 'differs';
    if (!v.document) return { content, hash, signed: 'none' };
    const doc = await readLibrary(need(v.document));
    const top = await pinned(root);
    if (top.state === 'other') return { content, hash, signed: 'other root' };
    const good = hex(doc.body) === hex(body) && hex(doc.hash) === v.hash && (await quorumMet(top.root.library, 'library', doc.body, doc.signatures));
    return { content, hash, signed: good ? 'good' : 'bad' };
  } catch {
    return { content: 'unreadable', hash: '', signed: v.document ? 'bad' : 'none' };
  }
}

const groups = ['', 'cancer', 'non_cancer', 'spinal', 'cerebral', 'child'];
const routes = ['', 'intrathecal', 'epidural'];
const severities = ['', 'none', 'moderate', 'severe', 'deadly'];
const s = (v: bigint): string => v.toString();
const d = (v: string | undefined): string => v ?? '0';

function ofBytes(l: Library): unknown {
  return [Number(l.version), Number(l.issued), l.name, l.sample, l.drugs.map((x) => [
    Number(x.code), x.name, x.class, x.unit, x.decimals, severities[x.withdrawal], x.restricted, x.source, s(x.highest), x.standard.map(s), s(x.stability), Number(x.band), x.alone, x.jurisdiction,
    x.limits.map((y) => [
      groups[y.group], routes[y.route], s(y.hardDay), s(y.hardHour), s(y.softDay), s(y.hardBolus), s(y.softBolus), s(y.hardStep), s(y.softStep), Number(y.hardShare), Number(y.softShare), s(y.lockout), Number(y.most), y.noPatientBoluses,
    ]),
  ]), l.mixtures.map((m) => [m.codes.map(Number), s(m.stability), m.source])];
}

const limit = (y: DrugLimit) => [
  y.group, y.route, d(y.hard_day_ng), d(y.hard_hour_ng), d(y.soft_day_ng), d(y.hard_bolus_ng), d(y.soft_bolus_ng), d(y.hard_step_ng), d(y.soft_step_ng), y.hard_step_permille ?? 0, y.soft_step_permille ?? 0,
  d(y.ptm_min_lockout_s), y.ptm_max_24h ?? 0, y.no_ptm ?? false,
];

function ofPage(l: LibraryVersion['library']): unknown {
  return [l.version, l.issued, l.name, l.sample, l.drugs.map((x) => [
    x.code, x.name, x.class, x.unit, x.decimals, x.withdrawal, x.restricted, x.source, d(x.max_conc_ng_ml), x.concs_ng_ml ?? [], d(x.stability_s), x.fallback_permille, x.alone, x.jurisdiction ?? '', (x.limits ?? []).map(limit),
  ]), (l.mixtures ?? []).map((m) => [m.codes, d(m.stability_s), m.source])];
}
