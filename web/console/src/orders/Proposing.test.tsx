import { screen } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import { pumpRow } from '../testing';
import { me, openConsole } from '../testing-app';
import './ProposePage';
import { flat, library, pump } from './testing-therapy';

/** The form of a proposal, opened for a pump as it stands: what a dose is measured by, and what is confirmed. */

const prescriber = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'prescriber' as const }] };

/** Opens the form for another program on a pump in a run state. */
async function form(run: number) {
  const row = pumpRow({ id: '1', serial: 'HX0001' });
  openConsole('/pumps/1/propose', {
    me: prescriber, pumps: [row],
    answers: {
      'GET /pumps/1': { body: { ...row, keys: [], gaps: [], label: '', patient: null } }, 'GET /pumps/1/therapy': { body: pump({}, flat, run) },
      'GET /pumps/1/orders/draft': { body: { draft: null } }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    },
  });
  await userEvent.selectOptions(await screen.findByLabelText('What kind of order'), 'program');
  return screen.findByLabelText('Morphine a day');
}

describe('what the pump gives now', () => {
  test.each([
    [1, 'now 2.000 mg/day', '2.000 now, no change'], [2, 'kept: 2.000 mg/day; only the minimum rate runs now', 'only the minimum rate now'],
    [3, 'kept: 2.000 mg/day; nothing of it runs now', 'none now'],
  ] as const)('in run state %d', async (run, beside, total) => {
    expect(await form(run)).toHaveAccessibleDescription(beside);
    expect(screen.getByText('Morphine a day', { selector: 'dt' }).parentElement).toHaveTextContent(total);
  });
});

describe('a large change is confirmed by what is typed for it', () => {
  test('and for no other: the same factor of another dose is typed again', async () => {
    const dose = await form(1);
    await userEvent.clear(dose);
    await userEvent.type(dose, '20');
    await userEvent.type(screen.getByLabelText('Type 10 to confirm 10 times'), '10');
    expect(screen.getByLabelText('Type 10 to confirm 10 times')).toHaveValue('10');
    await userEvent.type(dose, '.01');
    expect(screen.getByLabelText('Type 10 to confirm 10 times')).toHaveValue('');
  });
});
