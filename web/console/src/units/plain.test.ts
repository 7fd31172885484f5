import { expect, test } from 'vitest';
import { actorKey, actorName, eventTitle, plainDetail } from './plain';

test.each([
  ['duration_s 300, kind patient, volume_nl 4650', 'duration 5 min, kind patient, volume 0.004 mL'],
  ['reason locked_out, wait_s 772', 'reason locked out, wait 12 min'],
  ['gen 1, mode continuous, source local, volume_nl 160000', 'gen 1, mode continuous, source local, volume 0.160 mL'],
  ['by_ms -3500', 'by -3.5 s'],
  ['off_ms 5400000', 'off 1 h 30 min'],
  ['by_ms -86400000', 'by -24 h'],
  ['rate_nl_day 48000', 'rate 0.048 mL/day'],
  ['volume_nl many', 'volume nl many'],
  ['Before: never.', 'Before: never.'],
  ['Patient travels, called.', 'Patient travels, called.'],
  ['', ''],
])('%j', (detail, want) => expect(plainDetail(detail)).toBe(want));

test('events have names; an unknown one keeps its own', () => {
  expect(eventTitle('PTM_DENIED', 'PTM DENIED')).toBe('Patient bolus denied');
  expect(eventTitle('VENDOR_X', 'VENDOR X')).toBe('Vendor x');
  expect(eventTitle('VENDOR_X', 'Vendor says X')).toBe('Vendor says X');
});

test('the record is filtered by a person whatever the login, and by others as they are', () => {
  expect(actorKey('person:7 anna')).toBe('person:7');
  expect(actorKey('person:7 anna token:3')).toBe('person:7');
  expect(actorKey('device:C-1')).toBe('device:C-1');
  expect(actorKey('system:sweep')).toBe('system:sweep');
});

test('actors', () => {
  expect(actorName('person:7 anna')).toBe('anna');
  expect(actorName('device:C-1')).toBe('pump over C-1');
  expect(actorName('system:ingest')).toBe('server, receiving');
  expect(actorName('system:sweep')).toBe('server, sweep');
  expect(actorName('Anna Keller')).toBe('Anna Keller');
});
