import { screen } from '@testing-library/react';
import { render } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import type { OrderLetter } from '../api/orders';
import { StopWay, Unreached } from './StopWay';
import { stopAt, stopFailed, stopWaits } from './stopway';
import { flat, pump } from './testing-therapy';

/** A stop is followed to the pump's own answer, and nothing before it is taken for one. */

const soon = new Date(Date.now() + 600_000).toISOString();
const gone = new Date(Date.now() - 60_000).toISOString();
const answered = new Date(Date.now() - 5_000).toISOString();
const letter = (part: Partial<OrderLetter> = {}): OrderLetter => ({
  id: '7', kind: 'stop', order: null, counter: '1', by: { id: '2', login: 'miriam', name: 'Miriam' }, at: new Date().toISOString(), not_after: soon, state: 'open', reason: 'x', overdose: true,
  sent_at: null, answered_at: null, code: null, remedy: null, envelope: '', failed: false, ...part,
});
/** Read with the answer to the stop, unless told otherwise. */
const therapy = (run: number, at = answered) => ({ ...pump({}, flat, run), at });
const show = (l: OrderLetter, connected: boolean | null = true, run = 1, at = answered, mayPropose = true) => render(<StopWay letter={l} therapy={therapy(run, at)} connected={connected} heard={gone} mayPropose={mayPropose} />);
/** What is read aloud when it changes. */
const aloud = () => [...document.querySelectorAll('[role="status"], [role="alert"]')].map((e) => e.textContent).join(' ');

describe('where it stands', () => {
  const now = Date.parse('2026-05-01T09:00:00Z');
  const at = (state: OrderLetter['state'], minutes: number) => stopAt({ state, not_after: new Date(now + minutes * 60_000).toISOString() }, now);
  test('waits, is sent, is late, and only the pump’s answer or the end of its time decides', () => {
    expect([at('open', 5), at('sent', 5), at('open', 0), at('sent', -1), at('applied', -1), at('refused', 5), at('expired', -5)]).toEqual(['queued', 'sent', 'late', 'late', 'applied', 'refused', 'expired']);
    expect((['queued', 'sent', 'late', 'applied', 'refused', 'expired'] as const).map((s) => [stopWaits(s), stopFailed(s)])).toEqual([[true, false], [true, false], [true, true], [false, false], [false, true], [false, true]]);
  });
});

describe('what is said', () => {
  test('queued and sent: not stopped, until when, and nothing of an answer', () => {
    show(letter({ state: 'sent' }));
    expect(screen.getByRole('status')).toHaveTextContent(/The stop is signed and on its way: sent, not answered\..*Sent is not stopped\./);
    expect(screen.getByText(/^It may apply until \d\d:\d\d/)).toHaveTextContent(/, (09|10):\d\d\.$/);
    expect(screen.queryByText(/has answered/)).toBeNull();
    expect(screen.queryByRole('alert')).toBeNull();
  });
  test('sent, and long not answered: to the bedside, while it is sent again', () => {
    show(letter({ state: 'sent', failed: true }));
    expect(screen.getByRole('alert')).toHaveTextContent('No answer yet: do not wait for it. Stop the pump at the bedside now');
  });
  test('taken, and the pump infuses: to the bedside', () => {
    show(letter({ state: 'applied', failed: true }), true, 1);
    expect(screen.getByRole('alert')).toHaveTextContent('It took the stop and infuses, as far as is known. Stop the pump at the bedside now');
  });
  test('queued for a pump that is away: to the bedside', () => {
    show(letter(), false);
    expect(screen.getByRole('status')).toHaveTextContent('leaves as soon as the pump is connected');
    expect(screen.getByRole('alert')).toHaveTextContent('The pump is not connected: the stop will not reach it now. Go to the bedside');
  });
  test.each([[3, 'It says that it stands.'], [2, 'It says that it is at minimum rate, as its drugs need.'], [1, 'What it runs now comes with its next word.']] as const)('taken, and the pump says run %d', (run, says) => {
    show(letter({ state: 'applied', answered_at: answered }), true, run);
    expect(screen.getByRole('status')).toHaveTextContent(`The pump has answered: it took the stop. ${says}`.replace('. It', '.It').replace('. What', '.What'));
  });
  test.each([2, 3])('taken, and what the pump said before its answer, run %d, is not taken for what it runs now', (run) => {
    show(letter({ state: 'applied', answered_at: answered }), true, run, gone);
    expect(screen.getByRole('status')).toHaveTextContent('What it runs now comes with its next word.');
  });
  test('refused: its code, its remedy, and the bedside', () => {
    show(letter({ state: 'refused', code: 'E_RATE', remedy: 'Too many documents reached the pump.' }));
    expect(screen.getByRole('alert')).toHaveTextContent(/The pump has refused the stop\. It goes on as before\.E_RATE Too many documents reached the pump\.Stop it at the bedside.*or sign another stop/);
  });
  test('over without an answer: the bedside', () => {
    show(letter({ state: 'expired', not_after: gone }));
    expect(screen.getByRole('alert')).toHaveTextContent(/This stop applies no more\.Stop it at the bedside/);
  });
  test('late: nobody knows, and another stop does not help before this one is over', () => {
    show(letter({ state: 'sent', not_after: gone }));
    expect(screen.getByRole('alert')).toHaveTextContent(/not known until it is heard\.Stop it at the bedside, with the clinic’s own programmer\./);
  });
});

describe('what is read aloud', () => {
  test('what ticks is not: neither how long it may apply nor how long ago the pump was heard', () => {
    show(letter({ state: 'sent' }), false);
    expect(screen.getByText(/^It may apply until/)).toBeVisible();
    expect(screen.getByText(/^Heard/)).toBeVisible();
    expect(aloud()).not.toMatch(/may apply|Heard|ago/);
  });
});

describe('who resumes it', () => {
  test('a prescriber does, alone for an hour', () => {
    show(letter());
    expect(screen.getByText(/^Somebody else looks at this/)).toHaveTextContent('You can resume it alone for an hour; later it needs two people.');
  });
  test('whoever may not propose is not told that they can', () => {
    show(letter(), true, 1, answered, false);
    expect(screen.getByText(/^Somebody else looks at this/)).toHaveTextContent('A prescriber and a second person resume it.');
  });
});

test('before anybody signs: connected says nothing, away and unknown say what to do', () => {
  const { container, rerender } = render(<Unreached connected heard={null} />);
  expect(container).toBeEmptyDOMElement();
  rerender(<Unreached connected={false} heard={null} />);
  expect(screen.getByRole('alert')).toHaveTextContent('will not reach it now');
  rerender(<Unreached connected={null} heard={null} />);
  expect(screen.getByRole('alert')).toHaveTextContent('Whether the pump is connected is not known.');
});
