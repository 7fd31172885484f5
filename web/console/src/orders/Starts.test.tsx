import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { starts, Starts } from './Starts';
import { flat, pump } from './testing-therapy';

test.each([[1, false], [2, true], [3, true]] as const)('a program for a pump in run state %d starts it: %s', (run, want) => {
  expect(starts({ act: 'program', program: flat }, run)).toBe(want);
});
test('what gives nothing starts nothing', () => {
  expect([starts({ act: 'program', program: { mode: 'minimum', cycle_s: '0', segments: [] } }, 3), starts({ act: 'settings' }, 3), starts({ act: 'erase', program: flat }, 3)]).toEqual([false, false, false]);
});
test('whoever reads the order is told', () => {
  render(<Starts order={{ act: 'program', program: flat }} report={pump({}, flat, 3).report} />);
  expect(screen.getByText(/It is stopped now; from the pump’s answer on it infuses the new program/)).toHaveTextContent('This starts the pump.');
});
