import { MantineProvider } from '@mantine/core';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import { Pop } from './Pop';

test('a press before the sheet has come is kept, and the focus stays with the opener', async () => {
  const user = userEvent.setup();
  render(<MantineProvider env="test"><Pop name="Choices" side="end" opener={<button type="button">Choose</button>}><button type="button">First</button></Pop></MantineProvider>);
  const alone = screen.getByRole('button', { name: 'Choose' });
  expect(alone).toHaveAttribute('aria-haspopup', 'dialog');
  expect(alone).toHaveAttribute('aria-expanded', 'false');
  alone.focus();
  alone.click();
  expect(await screen.findByRole('dialog', { name: 'Choose' })).toBeInTheDocument();
  expect(alone.isConnected).toBe(false);
  const opener = screen.getByRole('button', { name: 'Choose' });
  expect(opener).toHaveAttribute('aria-expanded', 'true');
  await waitFor(() => expect(screen.getByRole('button', { name: 'First' })).toHaveFocus());
  await user.keyboard('{Escape}');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await waitFor(() => expect(opener).toHaveFocus());
});
