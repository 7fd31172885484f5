import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { Button } from './Button';
import { Check } from './Check';

test('a button at work cannot be pressed again, and sends no form unless it is told to', async () => {
  const pressed = vi.fn();
  const sent = vi.fn((e: { preventDefault: () => void }) => e.preventDefault());
  const { rerender } = render(<form onSubmit={sent}><Button onClick={pressed} loading>Keep</Button></form>);
  await userEvent.click(screen.getByRole('button', { name: 'Keep' }));
  expect(pressed).not.toHaveBeenCalled();
  rerender(<form onSubmit={sent}><Button onClick={pressed}>Keep</Button></form>);
  await userEvent.click(screen.getByRole('button', { name: 'Keep' }));
  expect(pressed).toHaveBeenCalledOnce();
  expect(sent).not.toHaveBeenCalled();
  rerender(<form onSubmit={sent}><Button type="submit">Keep</Button></form>);
  await userEvent.click(screen.getByRole('button', { name: 'Keep' }));
  expect(sent).toHaveBeenCalledOnce();
});

test('a box is ticked by its words, and says what it means and what is wrong', async () => {
  const ticked = vi.fn();
  render(<Check checked={false} onChange={(e) => ticked(e.currentTarget.checked)} label="I have read it" description="every line" error="Read it first." />);
  const box = screen.getByRole('checkbox', { name: 'I have read it' });
  expect(box).toHaveAccessibleDescription('every line Read it first.');
  expect(box).toBeInvalid();
  await userEvent.click(screen.getByText('I have read it'));
  expect(ticked).toHaveBeenCalledExactlyOnceWith(true);
});
