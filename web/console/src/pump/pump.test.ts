import { describe, expect, test } from 'vitest';
import { parseSearch, stringifySearch } from '../app/searchparams';
import { pumpRow } from '../testing';
import { acts, possibleActs } from './acts';
import { cycleLength, cycleVolume, steps, timeOfCycle } from './program';
import { type PumpSearch, readPumpSearch } from './search';
import { shift } from './useTelemetry';

describe('the address of a pump', () => {
  test.each<PumpSearch>([{}, { tab: 'timeline', groups: ['alarms', 'link'], by: ['person'] }, { span: '7d' }, { from: '1772366400000', to: '1772370000000', span: '1h' }])('%j survives a round trip', (s) => {
    expect(readPumpSearch(parseSearch(stringifySearch({ ...s })))).toEqual(s);
  });

  test('a window that ends before it begins, or is not a window, is left out', () => {
    expect(readPumpSearch({ from: '1772370000000', to: '1772366400000' })).toEqual({});
    expect(readPumpSearch({ from: '1772366400000', to: 'now' })).toEqual({});
  });

  test('all of a list is the same as no choice, and what is not of it is left out', () => {
    expect(readPumpSearch({ groups: ['people', 'link', 'device', 'refills', 'alarms', 'boluses', 'orders'], by: ['system', 'pump', 'person'] })).toEqual({});
    expect(readPumpSearch({ groups: ['nothing', 'refills'], by: 'nobody' })).toEqual({ groups: ['refills'] });
  });
});

describe('looking back', () => {
  const now = 10_000;
  test('a window moves by half of its length', () => expect(shift({ from: 2000, to: 6000, live: false, span: '1h' }, -1, now)).toEqual({ from: '0', to: '4000' }));
  test('a window that would pass the present goes back to live', () => expect(shift({ from: 6000, to: 9000, live: false, span: '1h' }, 1, now)).toBeNull());
});

describe('a program', () => {
  const segments = [
    { offset_s: 43_200, duration_s: 43_200, volume_nl: '150000' },
    { offset_s: 0, duration_s: 43_200, volume_nl: '50001' },
  ];

  test('rates are derived in integers and rounded down, in the order of the day', () => {
    expect(steps(segments).map((s) => [s.from, s.to, s.rate])).toEqual([[0, 43_200, 100_002n], [43_200, 86_400, 300_000n]]);
    expect(cycleVolume(steps(segments))).toBe(200_001n);
  });

  test('a segment that makes no sense is not drawn', () => {
    expect(steps([{ offset_s: 0, duration_s: 0, volume_nl: '1' }, { offset_s: 0, duration_s: 10, volume_nl: '1.5' }])).toEqual([]);
  });

  test('times of day', () => {
    expect(timeOfCycle(0, 86_400)).toBe('00:00');
    expect(timeOfCycle(23_400, 86_400)).toBe('06:30');
    expect(timeOfCycle(86_400, 86_400)).toBe('24:00');
    expect(timeOfCycle(86_400 + 23_400, 604_800)).toBe('day 2 06:30');
  });

  test('the curve is as long as the cycle, at least a day', () => {
    expect(cycleLength(0, steps(segments))).toBe(86_400);
    expect(cycleLength(604_800, steps(segments))).toBe(604_800);
  });
});

test('what is offered depends on status, communicator and role', () => {
  const names = (part: Parameters<typeof pumpRow>[0], role: string) => possibleActs(pumpRow(part), (roles) => (roles as string[]).includes(role)).map((a) => a.name);
  expect(names({ id: '1' }, 'engineer')).toEqual(['swap', 'revoke', 'explant', 'retire']);
  expect(names({ id: '1', status: 'registered', link: '' }, 'engineer')).toEqual(['claim', 'revoke', 'explant', 'retire']);
  expect(names({ id: '1', status: 'revoked', link: '' }, 'engineer')).toEqual(['reinstate', 'explant', 'retire']);
  expect(names({ id: '1' }, 'prescriber')).toEqual(['explant']);
  expect(names({ id: '1' }, 'admin')).toEqual([]);
});

test('nothing leads out of retirement, and what cannot be undone asks twice', () => {
  expect(acts.filter((a) => a.from.includes('retired'))).toEqual([]);
  expect(acts.filter((a) => a.final).map((a) => a.name)).toEqual(['explant', 'retire']);
  expect(possibleActs(pumpRow({ id: '1', status: 'explanted', link: '' }), (roles) => roles.includes('engineer')).map((a) => a.name)).toEqual(['replace', 'fate', 'retire']);
});
