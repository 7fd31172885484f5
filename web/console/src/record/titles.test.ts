import { expect, test } from 'vitest';
import { titleOf } from './titles';

test('an entry is told in the words of its event, and by its kind where there are none', () => {
  const names = new Map([['pump.register', 'Pump registered'], ['alarm.raised', 'Alarm raised'], ['alarm.cleared', 'Alarm over']]);
  expect(titleOf(names, 'pump.register')).toBe('Pump registered');
  expect(titleOf(names, 'alarm.raise')).toBe('Alarm raised');
  expect(titleOf(names, 'alarm.clear')).toBe('Alarm over');
  expect(titleOf(names, 'alarm.silence')).toBeNull();
  expect(titleOf(new Map(), 'pump.register')).toBeNull();
});
