import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { Rehearsal } from '../api/orders';
import { stamp } from '../units/time';
import { Rehearsed } from './Rehearsed';

const DAY = 86_400;
const filled = Date.parse('2026-03-01T10:00:00Z') / 1000;
const rehearsed = (keeps?: Rehearsal['keeps']): Rehearsal => ({
  curve: [{ at_s: '0', phase: 'infusing', rate_nl_day: '200000', volume_nl: '0', most_nl: '0' }], days: [], most: [], prime_nl: '0', bridge_ends_s: '0', volume_nl: '1000000', ...(keeps && { keeps }),
});
const day = (d: number) => stamp((filled + d * DAY) * 1000);

/** What is said of the stability, and whether it stands out. */
function said(keeps?: Rehearsal['keeps']) {
  const { unmount } = render(<Rehearsed of={rehearsed(keeps)} lib={null} />);
  const item = screen.getAllByRole('listitem').find((li) => /stab/.test(li.textContent!));
  const out = item && [item.textContent, item.querySelector('strong') !== null];
  unmount();
  return out;
}

test('the end of the stability of the contents is told with its date, within the seven days and beyond', () => {
  expect(said({ filled_at: filled, lasts_s: `${90 * DAY}`, left_s: `${4 * DAY + 3600}` })).toEqual([
    `The stability of the contents ends on ${day(90)}, in 4 d. They were filled in on ${day(0)} and stay stable for 90 d.`, true,
  ]);
  expect(said({ filled_at: filled, lasts_s: `${90 * DAY}`, left_s: `${30 * DAY}` })).toEqual([
    `The stability of the contents ends on ${day(90)}, in 30 d. They were filled in on ${day(0)} and stay stable for 90 d.`, false,
  ]);
  expect(said({ filled_at: filled, lasts_s: `${90 * DAY}`, left_s: '0' })).toEqual([
    `The stability of the contents ended on ${day(90)}. They were filled in on ${day(0)} and stay stable for 90 d.`, true,
  ]);
  expect(said({ filled_at: filled, lasts_s: `${90 * DAY}`, left_s: `${90 * DAY}` })).toEqual([
    `The stability of the contents ends 90 d after this filling: on ${day(90)} if it takes effect now.`, false,
  ]);
});

test('what is not known of the stability of the contents is said', () => {
  expect(said({ lasts_s: `${90 * DAY}` })).toEqual(['When the stability of the contents ends is not known: they stay stable for 90 d from their filling, and when that was is not known here.', true]);
  expect(said({ filled_at: filled, lasts_s: '0' })).toEqual([`How long the contents stay stable is not known to the drug library. They were filled in on ${day(0)}.`, true]);
  expect(said({ lasts_s: '0' })).toEqual(['How long the contents stay stable is not known to the drug library. When they were filled in is not known here.', true]);
  expect(said()).toBeUndefined();
});
