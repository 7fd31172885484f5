import { describe, expect, test } from 'vitest';
import type { FormNumber, LibraryContent } from '../api/orders';
import { asked } from './VerifyForm';

const lib = { drugs: [{ code: 1, name: 'Morphine', unit: 'mg', decimals: 2 }] } as unknown as LibraryContent;
const of = (name: string, act = 'program') => asked({ name, unit: '' } as FormNumber, lib, act);

describe('what a second signer is asked for', () => {
  test.each([
    ['over', 'bolus', 'The bolus is given over', 'min', '10', '600'],
    ['over', 'prime', 'It is primed over', 'min', '5', '300'],
    ['once:1', 'prime', 'Morphine in the priming bolus', 'mg', '0.25', '250000'],
    ['planned.once:1', 'visit', 'Morphine in the priming bolus (as planned)', 'mg', '0.25', '250000'],
    ['peak:1', 'program', 'Morphine, the most in an hour', 'mg/h', '0.155', '155000'],
    ['planned.peak_from', 'visit', 'The most in an hour is given from (as planned)', 'hh:mm', '22:30', '81000'],
    ['ptm_over', 'program', 'A patient bolus is given over', 'min', '3', '180'],
    ['ptm_lockout', 'program', 'Lockout between patient boluses', 'min', '120', '7200'],
    ['filled', 'visit', 'Volume filled in', 'mL', '19.5', '19500000'],
    ['ptm_denied', 'settings', 'Alarm above so many denied patient boluses in 24 h; 0 is never', '', '4', '4'],
  ])('%s of a %s', (name, act, label, unit, typed, sent) => {
    const a = of(name, act);
    expect([a.label, a.unit, a.read(typed)]).toEqual([label, unit, { value: sent }]);
  });

  test.each([['over', '1.5'], ['ptm_lockout', '1 h'], ['peak_from', '8'], ['peak_from', '25:00'], ['peak:1', '-1'], ['filled', ''], ['ptm_denied', '']])('%s is not %j', (name, typed) => {
    expect(of(name).read(typed)).toHaveProperty('wrong');
  });

  test('every number that the server asks for has words of its own', () => {
    for (const name of ['serial', 'conc:1', 'day:1', 'once:1', 'over', 'peak:1', 'peak_from', 'ptm:1', 'ptm_over', 'ptm_max', 'ptm_lockout', 'low_alarm', 'ptm_denied', 'filled', 'volume', 'patient', 'site', 'zone']) expect(of(name).label).not.toBe(name);
  });
});
