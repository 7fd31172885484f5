/** The shapes of /api/v1 as the console uses them. Volumes, rates and concentrations are digit strings (see units/quantity). */

export type Presence = 'online' | 'stale' | 'offline' | 'never' | 'unknown';
export type RunState = 'infusing' | 'minimum' | 'stopped' | 'bolus' | 'priming' | 'bridge';
export type Priority = 'high' | 'medium' | 'low' | 'info';
export type PumpStatus = 'registered' | 'active' | 'revoked' | 'explanted' | 'retired' | 'manual';
export type Role = 'engineer' | 'prescriber' | 'verifier' | 'nurse' | 'pharmacist' | 'auditor' | 'admin';

export interface Me {
  id: string;
  login: string;
  name: string;
  roles: { site: string; site_name: string; role: Role }[];
  expires_at: string;
  idle_seconds: number;
  demo: boolean;
}

export interface DemoPerson {
  login: string;
  name: string;
  role: string;
  site: string;
  password: string;
}

export interface Site {
  id: string;
  name: string;
  short: string;
  time_zone: string;
}

export interface PumpRow {
  id: string;
  site: string;
  serial: string;
  model: string;
  label: string;
  profile: string;
  link: string;
  status: PumpStatus;
  presence: Presence;
  presence_since: string | null;
  last_heard: string | null;
  last_data: string | null;
  run: RunState | null;
  rate_nl_day: string | null;
  reservoir_nl: string | null;
  reservoir_capacity_nl: string | null;
  reservoir_low_nl: string | null;
  battery_mv: number | null;
  battery_pct: number | null;
  alarms: { high: number; medium: number; low: number };
  top_alarm?: { code: string; title: string; priority: Priority } | null;
  firmware: string | null;
  firmware_comm: string | null;
  library: string | null;
  refused_24h: number;
  gaps_open: number;
  drugs: { name: string; conc_ng_ml: string }[];
  rev: number;
}

export interface PumpSnapshot {
  epoch: string;
  rev: number;
  at: string;
  rows: PumpRow[];
}

export interface AlarmRow {
  id: string;
  pump: string;
  site: string;
  pump_serial: string;
  pump_label: string;
  code: string;
  title: string;
  priority: Priority;
  source: 'pump' | 'server';
  state: 'active' | 'acknowledged' | 'cleared';
  latched: boolean;
  raised_at: string;
  device_at: string | null;
  received_at: string | null;
  cleared_at?: string | null;
  ack_by?: string | null;
  ack_at?: string | null;
  ack_note?: string | null;
  count: number;
  advice: string;
  detail: Record<string, string> | null;
}

export interface AlarmList {
  checked_at: string;
  items: AlarmRow[];
}

export interface PumpDetail extends PumpRow {
  udi: string | null;
  device_id: string | null;
  registered_at: string | null;
  communicator: {
    serial: string;
    since: string | null;
    firmware: string | null;
    history: { serial: string; from: string; to: string | null; reason: string | null }[];
  } | null;
  certificate: { serial: string; not_before: string; not_after: string } | null;
  keys: { purpose: string; algorithm: string; fingerprint: string; since: string | null }[];
  profile_detail: {
    id: string;
    version: string;
    name: string;
    verifies: 'implant' | 'communicator';
    silence_seconds: number;
  } | null;
  program: {
    hash: string;
    mode: string;
    segments: { offset_s: number; duration_s: number; volume_nl: string }[];
  } | null;
  cursors: { lane: string; epoch: string; seq: string; at: string | null }[];
  gaps: { id: string; lane: string; from_seq: string; to_seq: string; reason: string; at: string }[];
  refusals_total: number;
  presence_history: { presence: Presence; at: string; reason: string | null }[];
}

export interface Telemetry {
  resolution: 'raw' | 'minute' | 'hour';
  from: string;
  to: string;
  columns: {
    at: number[];
    reservoir_nl: (string | null)[];
    rate_nl_day: (string | null)[];
    battery_mv: (number | null)[];
    temperature_mc: (number | null)[];
    pressure_pa?: (number | null)[];
    rate_nl_day_min?: (string | null)[];
    rate_nl_day_max?: (string | null)[];
    temperature_mc_min?: (number | null)[];
    temperature_mc_max?: (number | null)[];
  };
  gaps: { from: string; to: string }[];
}

export const timelineKinds = ['event', 'alarm', 'presence', 'audit', 'refusal', 'gap'] as const;
export type TimelineKind = (typeof timelineKinds)[number];

export interface TimelineItem {
  id: string;
  kind: TimelineKind;
  code: string;
  title: string;
  detail: string | null;
  at: string;
  device_at: string | null;
  received_at: string | null;
  priority?: Priority | null;
  actor?: string | null;
}

export interface Refusal {
  id: string;
  at: string;
  kind: string;
  code: string;
  detail: string | null;
  count: number;
}

export interface AuditRow {
  index: number | null;
  leaf_id: string;
  kind: string;
  actor: string;
  at: string;
  pump?: string | null;
  object?: string | null;
  reason?: string | null;
  payload: unknown;
  leaf_hash: string | null;
}

export interface Checkpoint {
  text: string;
  size: number;
  root_hash: string;
}

export interface ClaimSlip {
  code: string;
  slip: string;
  root_sha256: string;
  expires_at: string;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}
