import { render, screen, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import type { BridgeLine, Bridging, LibraryContent } from '../api/orders';
import { BridgeShown } from './PlanShown';

const lib = { drugs: [{ code: 1, name: 'morphine', unit: 'mg', decimals: 3 }] } as unknown as LibraryContent;
const line = (mg: number, alone: string): BridgeLine => ({
  code: 1, conc_ng_ml: String(mg * 1_000_000), amount_ng: String(mg * 100_000), before_ng: '2000000', after_ng: '2000000', target_ng: '2000000', alone_s: alone, per_day_ng: '1000000',
});

test('of two old fluids with the same drug both are told, and the one that decides is multiplied out', () => {
  const complaints = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const b: Bridging = { dose: { volume_nl: '394800', duration_s: '341111' }, code: 1, target_ng: '2000000', day_nl: '99998', lines: [line(10, '170554'), line(20, '341111')] };
  render(<BridgeShown b={b} lib={lib} name="Bridge" />);
  expect(screen.getByText(/mL of old fluid × 20 mg\/mL = /)).toBeInTheDocument();
  const rows = within(screen.getByRole('table')).getAllByRole('row').slice(1).map((r) => within(r).getByRole('rowheader').textContent);
  expect(rows).toEqual(['morphine 10 mg/mL', 'morphine 20 mg/mL']);
  expect(complaints).not.toHaveBeenCalled(); // such as of keys that are not one each
  complaints.mockRestore();
});
