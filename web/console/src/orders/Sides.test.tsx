import { render, screen, within } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { patientId, siteId } from '../order/ids';
import { alone, lines } from './diff';
import { BOUND } from './rows';
import { Sides } from './Sides';
import { namesOf } from './useNames';

const line = lines(true);
const parts = [
  { title: 'Program', rows: [line('Mode', 'Continuous', 'Continuous'), line('Dose', '1 mg', '2 mg', { change: '+100.0 %' }), line('Bolus', null, '0.1 mg'), line('Then', 'Stopped', null)] },
  { title: BOUND, rows: [alone('Pump', 'ME1')] },
];

describe('settings side by side', () => {
  test('each that differs has the sign and its word, and no other has', () => {
    render(<Sides parts={parts} compared caption="All" />);
    const cells = (name: string) => within(screen.getByRole('row', { name: new RegExp(`^${name} `) })).getAllByRole('cell').map((c) => c.textContent);
    expect(cells('Mode')).toEqual(['Continuous', 'Continuous', 'same']);
    expect(cells('Dose')).toEqual(['1 mg', '2 mg', '◆changed +100.0 %']);
    expect(cells('Bolus')).toEqual(['none', '0.1 mg', '◆new']);
    expect(cells('Then')).toEqual(['Stopped', 'none', '◆removed']);
    expect(cells('Pump')).toEqual(['ME1']);
    expect(screen.getAllByText('◆')).toHaveLength(3);
    // The sign is for the eye; the word is what a reader says.
    for (const sign of screen.getAllByText('◆')) expect(sign).toHaveAttribute('aria-hidden', 'true');
  });

  test('of an order that is over, what ran then and what was applied', () => {
    render(<Sides parts={parts} compared old="Ran when proposed" now="Applied" caption="All" />);
    expect(screen.getAllByRole('columnheader').map((h) => h.textContent)).toEqual(['Setting', 'Ran when proposed', 'Applied', 'Change']);
    expect(screen.queryByText('Runs now')).not.toBeInTheDocument();
  });

  test('with nothing to compare with there is one value and no mark', () => {
    render(<Sides parts={[{ title: 'Program', rows: [lines(false)('Dose', '1 mg', '2 mg')] }]} compared={false} caption="All" />);
    expect(screen.getByRole('row', { name: 'Dose 2 mg' })).toBeInTheDocument();
    expect(screen.queryByText('Runs now')).not.toBeInTheDocument();
  });
});

describe('names beside ids', () => {
  test('only of whom the id is made', async () => {
    const doc = { patient: await patientId('P-9HXV-KGEP'), site: await siteId('1'), transfer: { site: await siteId('2'), keyset: '' } };
    const sites = [{ id: '1', name: 'Gereon' }, { id: '2', name: 'Harbour' }, { id: 'x', name: 'no number' }];
    expect(await namesOf(doc, { patients: ['P-OTHER', 'P-9HXV-KGEP', null], sites })).toEqual({ patient: 'P-9HXV-KGEP', site: 'Gereon', to: 'Harbour' });
    // A server that names somebody else beside the id that is signed is not believed.
    expect(await namesOf(doc, { patients: ['P-OTHER'], sites: [{ id: '1', name: 'Gereon' }, { id: '3', name: 'Harbour' }] })).toEqual({ patient: null, site: 'Gereon', to: null });
  });

  test('the ids are those of the server', async () => {
    // fleet/registry/orderid_test.go has these two.
    expect(await siteId('1')).toBe('065bf922e2e0ecaf3eb579d425fe40f5');
    expect(await patientId('P-AAAA-AAAA')).toBe('c856a9fb1f11baa83be33fac82297e33');
  });
});
