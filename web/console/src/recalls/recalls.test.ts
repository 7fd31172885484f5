import { expect, test } from 'vitest';
import { readDevicesSearch } from '../devices/search';
import { groups } from '../pump/Slip';
import { readPumpSearch } from '../pump/search';
import { readCriteria } from './RecallForm';

test('criteria are read a line at a time', () => {
  expect(readCriteria('Meander P20\n\n P40 ', '', 'ME100 to ME200\nNGP1-7 – NGP1-9\nX-5\nA1 - A2', 'L7')).toEqual({
    models: ['Meander P20', 'P40'], device_ids: [], lots: ['L7'],
    ranges: [{ first: 'ME100', last: 'ME200' }, { first: 'NGP1-7', last: 'NGP1-9' }, { first: 'X-5', last: 'X-5' }, { first: 'A1', last: 'A2' }],
  });
});

test('the address of the stock keeps what it can hold', () => {
  expect(readDevicesSearch({ status: 'lost', q: 'BR', open: 'BR-1', else: 1 })).toEqual({ status: 'lost', q: 'BR', open: 'BR-1' });
  expect(readDevicesSearch({ status: 'sold', q: '', open: 'a b' })).toEqual({});
});

test('the day of a timeline is a day', () => {
  expect(readPumpSearch({ day: '2026-01-31' })).toEqual({ day: '2026-01-31' });
  expect(readPumpSearch({ day: 'yesterday' })).toEqual({});
});

test('a hash in groups is the hash', () => {
  const hash = '0123456789abcdef'.repeat(4);
  expect(groups(hash).map((g) => g.text).join('')).toBe(hash);
  expect(groups(hash)).toHaveLength(16);
});
