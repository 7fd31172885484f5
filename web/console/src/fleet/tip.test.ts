import { expect, test } from 'vitest';
import { pumpRow } from '../testing';
import { primaryDose } from './columns';

test('a rate is a dose of the reservoir only while the tip gives what the reservoir holds', () => {
  expect(primaryDose(pumpRow({ id: '1' }))).toBe('2.000 mg/day');
  expect(primaryDose(pumpRow({ id: '1', run: 'bolus' }))).toBe('2.000 mg/day');
  // 10 mg/mL in the reservoir and half of it in the path: 0.2 mL a day are not 2 mg.
  expect(primaryDose(pumpRow({ id: '1', run: 'bridge' }))).toBe('');
  expect(primaryDose(pumpRow({ id: '1', run: 'priming' }))).toBe('');
});
