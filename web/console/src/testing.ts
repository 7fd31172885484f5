import type { AlarmRow, PumpRow } from './api/types';

/** A pump row with plain values; give what the test is about. */
export function pumpRow(part: Partial<PumpRow> & { id: string }): PumpRow {
  return {
    site: '1', serial: `HX${part.id.padStart(4, '0')}`, model: 'Helix 20', label: '', profile: 'helix-20', link: `COMM-${part.id}`, status: 'active', patient: null,
    presence: 'online', presence_since: '2026-03-01T10:00:00.000Z', last_heard: '2026-03-01T12:00:00.000Z', last_data: '2026-03-01T12:00:00.000Z',
    run: 'infusing', rate_nl_day: '200000', reservoir_nl: '12345678', reservoir_capacity_nl: '20000000', reservoir_low_nl: '2000000', battery_mv: 2975,
    battery_pct: 84, alarms: { high: 0, medium: 0, low: 0 }, top_alarm: null, firmware: '3.4.1', firmware_comm: '1.9.0', library: 'L1', refused_24h: 0,
    gaps_open: 0, reconnects_24h: 1, use_nl_day: '200000', cert_ends: '2026-06-01T00:00:00.000Z', documents: 'current', lacks: [], link_quality: 'good', tags: [], groups: [], drugs: [{ name: 'morphine', conc_ng_ml: '10000000' }], rev: 1, ...part,
  };
}

export function alarmRow(part: Partial<AlarmRow> & { id: string }): AlarmRow {
  return {
    pump: '1', site: '1', pump_serial: 'HX0001', pump_label: '', patient: null, code: 'RES_LOW', title: 'Low reservoir', priority: 'low', source: 'pump', state: 'active',
    instance: '', latched: false, delivery: 'continues', count: 1, rev: 1, raised_at: '2026-03-01T11:00:00.000Z', last_at: '2026-03-01T11:00:00.000Z',
    due_at: '2026-03-02T11:00:00.000Z', advice: 'Book a refill.', effect: '', cleared_at: null, device_at: null, received_at: null, ack_by: null, ack_at: null,
    ack_note: null, detail: {}, ...part,
  };
}
