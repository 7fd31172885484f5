import { expect, test } from 'vitest';
import { entryError, readMillilitres } from './entry';

test.each([['4.2', '4200000'], ['0.000001', '1'], ['20', '20000000'], [' 12.5 ', '12500000'], ['0', '0']])('%s mL is %s nL', (text, digits) => expect(readMillilitres(text)).toEqual({ digits }));

test.each(['4,2', '-1', '.5', '5.', '05', '5.0', '1e3', '0.0000001', 'x', '99999999999999999'])('%s is refused with a reason', (text) => {
  expect(readMillilitres(text)).toHaveProperty('wrong');
  expect(entryError(text)).toBeTruthy();
});

test('an empty field is no mistake', () => expect(entryError(' ')).toBeUndefined());
