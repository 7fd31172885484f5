import { describe, expect, test } from 'vitest';
import { cleared, daily } from './path';

const contents = { ingredients: [{ code: 1, conc_ng_ml: '10000000' }], primary: 0, route: 'intrathecal' as const };
const fluid = (left_nl: string) => ({ contents, left_nl, ceiling: { max_1h_nl: '300000', max_24h_nl: '1500000' } });

// reference/domain.md 1.3: 0.395 mL at 0.2 mL a day take 47.4 h, at 0.1 mL a day 94.8 h.
describe('what stands in the path', () => {
  test('leaves at the pace of the bridge', () => {
    const pace = { volume_nl: '395000', duration_s: '170640' };
    expect(daily(pace)).toBe(200_000n);
    expect(cleared({ path: [fluid('395000')], pace })).toBe(170_640n);
    expect(cleared({ path: [fluid('197500')], pace })).toBe(85_320n);
    expect(cleared({ path: [fluid('1')], pace })).toBe(1n);
  });

  test('leaves as a whole when its last fluid has gone', () => {
    expect(cleared({ path: [fluid('100000'), fluid('395000')], pace: { volume_nl: '395000', duration_s: '341280' } })).toBe(341_280n);
  });

  test('has no end where no bridge runs, and none where nothing stands', () => {
    expect(cleared({ path: [fluid('395000')] })).toBeNull();
    expect(cleared({ path: [], pace: { volume_nl: '1', duration_s: '1' } })).toBeNull();
    expect(cleared({ pace: { volume_nl: '1', duration_s: '1' } })).toBeNull();
  });
});
