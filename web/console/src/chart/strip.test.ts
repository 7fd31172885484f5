import { describe, expect, test } from 'vitest';
import { reading } from './readout';
import { axis, extremes, nearest, onAxis, roomy, timeTicks } from './strip';

describe('holes', () => {
  const at = [1000, 2000, 3000, 10_000, 11_000];

  test('without gaps the axis is the data', () => {
    expect(axis(at, [])).toEqual({ at: [1, 2, 3, 10, 11], index: [0, 1, 2, 3, 4] });
  });

  test('a gap between two samples breaks the line there and only there', () => {
    const a = axis(at, [{ from: 3200, to: 9900 }]);
    expect(a.index).toEqual([0, 1, 2, -1, 3, 4]);
    expect(onAxis(a, [1, 2, 3, 4, 5])).toEqual([1, 2, 3, null, 4, 5]);
    expect(a.at).toEqual(a.at.toSorted((x, y) => x - y));
  });

  test('gaps may be unsorted, overlap, or lie outside of the data', () => {
    const a = axis(at, [{ from: 5000, to: 9000 }, { from: 3200, to: 6000 }, { from: 0, to: 900 }, { from: 11_500, to: 99_000 }]);
    expect(a.index).toEqual([0, 1, 2, -1, 3, 4]);
  });

  test('one gap per pair of samples, several in all', () => {
    expect(axis(at, [{ from: 1100, to: 1900 }, { from: 4000, to: 5000 }]).index).toEqual([0, -1, 1, 2, -1, 3, 4]);
  });

  test('the nearest position with data is never a hole', () => {
    const a = axis(at, [{ from: 3200, to: 9900 }]);
    expect(a.index[nearest(a, 3)]).toBe(2);
    expect(nearest({ at: [], index: [] }, 0)).toBe(-1);
  });
});

test('extremes name the data, not its copy', () => {
  expect(extremes([null, 3, 1, null, 7, 2, null])).toEqual({ last: 5, lowest: 2, highest: 4 });
  expect(extremes([null, null])).toBeNull();
});

test('a flat line gets room to be flat in', () => {
  expect(roomy(3, 3, 0.2)).toEqual([2.9, 3.1]);
  expect(roomy(0, 10, 1)).toEqual([-1, 11]);
  expect(roomy(null, null, 2)).toEqual([0, 2]);
});

test('ticks are round times of the wall clock and not too many', () => {
  const from = new Date(2026, 2, 1, 10, 7).getTime() / 1000;
  const ticks = timeTicks(from, from + 86_400, 8);
  expect(ticks.length).toBeLessThanOrEqual(8);
  expect(ticks.length).toBeGreaterThan(3);
  for (const t of ticks) expect(new Date(t * 1000).getMinutes()).toBe(0);
  const days = timeTicks(from, from + 7 * 86_400, 8);
  for (const t of days) expect(new Date(t * 1000).getHours()).toBe(0);
});

test('the newest reading has its day and time, and past its limit it is struck through', () => {
  const el = document.createElement('span');
  el.append(...reading('12.34 mL', Date.parse('2026-03-01T12:00:00.000Z'), false));
  expect(el.textContent).toMatch(/^12\.34 mL {2}at .*1.* \d\d:\d\d$/);
  expect(el.querySelector('s')).toBeNull();
  el.replaceChildren(...reading('12.34 mL', Date.parse('2026-03-01T12:00:00.000Z'), true));
  expect(el.querySelector('s.struck')?.textContent).toBe('12.34 mL');
});
