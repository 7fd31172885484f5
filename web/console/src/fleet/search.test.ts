import { describe, expect, test } from 'vitest';
import { parseSearch, stringifySearch } from '../app/searchparams';
import { pumpRow } from '../testing';
import { countFacets, facetValues, type FleetSearch, matcher, readFleetSearch, readSort } from './search';

const name = (id: string) => ({ 1: 'Lakeside', 2: 'St. Brendan' })[id] ?? id;

describe('the address', () => {
  test.each<FleetSearch>([
    {},
    { q: 'HX20 morphine' },
    { q: '100 % & more = ? # + "x"' },
    { presence: ['stale', 'offline'], alarms: ['high'] },
    { site: ['1', '2'], model: ['Helix 20', 'Meridian, C'], run: ['stopped', 'unknown'] },
    { sort: '-reservoir', rows: 'dense' },
  ])('%j survives a round trip', (search) => {
    expect(readFleetSearch(parseSearch(stringifySearch({ ...search })))).toEqual(search);
  });

  test('what it does not understand is left out', () => {
    expect(readFleetSearch(parseSearch('?presence=asleep&presence=online&alarms=purple&sort=-colour&rows=huge&q=%20&site=&x=1'))).toEqual({ presence: ['online'] });
  });

  test('it is normal: order and repetition do not matter, defaults are not written', () => {
    expect(readFleetSearch({ presence: ['offline', 'stale', 'offline'], site: ['2', '1', '2'], sort: 'alarms' })).toEqual({ presence: ['stale', 'offline'], site: ['1', '2'] });
  });

  test('people can read it', () => {
    expect(stringifySearch({ presence: ['stale', 'offline'], sort: '-rate' })).toBe('?presence=stale&presence=offline&sort=-rate');
    expect(stringifySearch({})).toBe('');
  });

  test('sort', () => {
    expect(readSort('-rate')).toEqual({ key: 'rate', descending: true });
    expect(readSort('toString')).toBeNull();
    expect(readSort(['rate'])).toBeNull();
  });
});

describe('matching', () => {
  const rows = [
    pumpRow({ id: '1', site: '1', label: 'Bed 3A' }),
    pumpRow({ id: '2', site: '2', presence: 'offline', run: null, drugs: [{ name: 'baclofen', conc_ng_ml: '1' }] }),
    pumpRow({ id: '3', site: '2', model: 'Meridian C', alarms: { high: 1, medium: 0, low: 2 }, top_alarm: { code: 'MOTOR_STALL', title: 'Motor stall', priority: 'high' } }),
  ];
  const ids = (s: FleetSearch) => rows.filter(matcher(s, name)).map((r) => r.id);

  test.each<[FleetSearch, string[]]>([
    [{}, ['1', '2', '3']],
    [{ q: 'hx0002' }, ['2']],
    [{ q: 'bed 3a' }, ['1']],
    [{ q: 'brendan baclofen' }, ['2']],
    [{ q: 'stall' }, ['3']],
    [{ q: 'nothing like it' }, []],
    [{ presence: ['offline'] }, ['2']],
    [{ presence: ['offline', 'online'], site: ['2'] }, ['2', '3']],
    [{ alarms: ['low'] }, ['3']],
    [{ alarms: ['none'] }, ['1', '2']],
    [{ run: ['unknown'] }, ['2']],
    [{ model: ['Meridian C'], site: ['1'] }, []],
  ])('%j', (search, want) => expect(ids(search)).toEqual(want));

  test('a facet counts what each value would show, given the other facets', () => {
    const c = countFacets(rows, { site: ['2'], presence: ['offline'] }, name);
    expect(Object.fromEntries(c.presence)).toEqual({ online: 1, offline: 1 });
    expect(Object.fromEntries(c.site)).toEqual({ 1: 0, 2: 1 });
    expect(Object.fromEntries(c.alarms)).toEqual({ none: 1, high: 0, low: 0 });
  });

  test('a pump with alarms of two priorities counts under both', () => {
    expect(facetValues(rows[2]!, 'alarms')).toEqual(['high', 'low']);
  });
});
