import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import { pumpRow } from '../testing';
import { openConsole, type TestServer } from '../testing-app';
import '../pump/TherapyTab';
import './Trend';
import { library, pump } from './testing-therapy';
import { dayOf, running, silent, stepOf, trendOf } from './testing-trend';

const days = [dayOf(0), dayOf(1), silent(2), dayOf(3, { contents: 'changed', doses: [] }), running(4)];

/** The Therapy tab of a pump whose trend is answered so. */
const open = (trend: TestServer['answers'][string]) => openConsole('/pumps/1?tab=therapy', {
  pumps: [pumpRow({ id: '1' })],
  answers: {
    'GET /pumps/1/therapy': { body: pump() }, 'GET /orders': { body: { items: [], next: null } }, 'GET /pumps/1/letters': { body: { items: [] } },
    'GET /libraries': { body: { items: [{ version: '3', state: 'active', library }] } }, 'GET /pumps/1/trends': trend,
  },
});
const section = () => screen.findByRole('region', { name: 'Delivered, and steps of the dose' });

describe('what a pump delivered, and the steps of its dose', () => {
  test('the sums of 7 and 30 days, the patient’s boluses, the last step', async () => {
    open({ body: trendOf(days, [stepOf(1, '1800000', '2000000')]) });
    const s = await section();
    const fact = async (name: string) => (await within(s).findByText(name)).parentElement!.textContent;
    expect(await fact('Morphine, 7 days')).toBe('Morphine, 7 days7.000mg1.000 mg a day');
    expect(await fact('Morphine, 30 days')).toBe('Morphine, 30 days30.000mg1.000 mg a day');
    expect(await fact('Patient boluses, 30 days')).toBe('Patient boluses, 30 days90given120 asked for, 30 denied');
    expect(await fact('Last step')).toMatch(/Morphine \+11\.1 %; 1 step in 30 days$/);
    const steps = within(s).getByRole('list', { name: /^Steps of the dose in/ });
    expect(within(steps).getByRole('link', { name: /order 41$/ })).toHaveAttribute('href', '/orders/41');
    expect(steps.textContent).toContain('Morphine 1.800 → 2.000 mg a day, +11.1 %');
  });

  test('a sum that is not all of it is the least, and one that is not known is no zero', async () => {
    const t = trendOf(days);
    t.totals[0] = { ...t.totals[0]!, whole_days: 5, doses_complete: false };
    t.totals[1] = { ...t.totals[1]!, whole_days: 0, delivered_nl: null, complete: false, doses: [], doses_complete: false, boluses_requested: null, boluses_given: null, boluses_denied: null };
    open({ body: t });
    const s = await section();
    const fact = async (name: string) => (await within(s).findByText(name)).parentElement!.textContent;
    expect(await fact('Morphine, 7 days')).toBe('Morphine, 7 daysat least7.000mg5 of 7 days known whole');
    expect(await fact('Morphine, 30 days')).toBe('Morphine, 30 daysnot known0 of 30 days known whole');
    expect(await fact('Patient boluses, 30 days')).toContain('not known');
    expect(await fact('Last step')).toContain('none known');
  });

  test('a day of which nothing is known has no bar', async () => {
    open({ body: trendOf(days, [stepOf(1, '1800000', '2000000')]) });
    const s = await section();
    const chart = await within(s).findByRole('application', { name: 'Morphine day by day, chart. Arrow keys move through the days.' });
    expect([...chart.querySelectorAll('rect[data-coverage]')].map((r) => r.getAttribute('data-coverage'))).toEqual(['whole', 'whole', 'running']);
    expect(chart).toHaveAccessibleDescription(/^Least 2\.000 mg on .* 2 of 4 days are not known, or not whole\. One step of the dose\.$/);
    // The volume of a day is known although its contents changed.
    await userEvent.click(within(s).getByRole('button', { name: 'Volume' }));
    expect(within(s).getByRole('application', { name: /^Volume/ }).querySelectorAll('rect[data-coverage]')).toHaveLength(4);
  });

  test('is read with the arrow keys', async () => {
    const user = userEvent.setup({ delay: null });
    open({ body: trendOf(days) });
    const s = await section();
    (await within(s).findByRole('application')).focus();
    const said = () => within(s).getAllByRole('status').map((x) => x.textContent).join('');
    await user.keyboard('{End}{ArrowLeft}');
    expect(said()).toBe('Thu 7 May: not known, 3 boluses given, 1 denied (contents changed, so no dose)');
    await user.keyboard('{Home}');
    expect(said()).toBe('Mon 4 May: 2.000 mg, 3 boluses given, 1 denied');
  });

  test('is a table when asked', async () => {
    const user = userEvent.setup({ delay: null });
    open({ body: trendOf(days) });
    const s = await section();
    await user.click(await within(s).findByRole('button', { name: 'As a table' }));
    const rows = within(within(s).getByRole('table')).getAllByRole('row').map((r) => [...r.children].map((c) => c.textContent));
    expect(rows[0]).toEqual(['Day', 'Morphine (mg)', 'Volume (mL)', 'Boluses given', 'Boluses denied', 'Remark']);
    expect(rows[1]).toEqual(['Fri 8 May', '1.000', '0.100', '3', '1', 'so far, until 12:00']);
    expect(rows[2]).toEqual(['Thu 7 May', '–', '0.200', '3', '1', 'contents changed, so no dose']);
    expect(rows[3]).toEqual(['Wed 6 May', '–', '–', '–', '–', 'no readings to count by']);
  });

  test('without any reading, on its way, and failed, it says so', async () => {
    const app = open({ body: trendOf([silent(0), silent(1)]) });
    expect(await within(await section()).findByText(/^Nothing is known of what this pump delivered in/)).toBeInTheDocument();
    app.view.unmount();
    const slow = open('hang');
    expect(await within(await section()).findByText('Loading what the pump delivered…')).toBeInTheDocument();
    slow.view.unmount();
    open({ status: 500, body: { title: 'Internal error' } });
    const s = await section();
    await waitFor(() => expect(within(s).getByRole('alert').textContent).toContain('What the pump delivered could not be read.'), { timeout: 10_000 });
    expect(within(s).getByRole('button', { name: 'Try again' })).toBeInTheDocument();
  });
});
