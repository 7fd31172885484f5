import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test, vi } from 'vitest';
import { gates, type StepUpAsk } from '../api/gates';
import { theme } from '../theme/theme';
import { StepUpHost } from './StepUp';
import './StepUpDialog';

const sign = vi.hoisted((): { done: (header: string) => void } => ({ done: () => {} }));
vi.mock('./stepup', async (real) => ({ ...(await real<object>()), signWithSoftware: () => new Promise<string>((done) => { sign.done = done; }) }));

const ask = (nonce: string): StepUpAsk => ({ nonce, challenge: 'c', rp_id: 'localhost', expires_at: '2099-01-01T00:00:00.000Z', credentials: [], software: true });

test('while a signature is made Escape closes nothing, and what was signed goes on', async () => {
  const user = userEvent.setup({ delay: null });
  render(<MantineProvider theme={theme} env="test"><QueryClientProvider client={new QueryClient()}><StepUpHost /></QueryClientProvider></MantineProvider>);
  let first: Promise<string>;
  act(() => { first = gates.stepUp!(ask('1')); });
  await user.click(await screen.findByRole('button', { name: 'Confirm' }));
  await user.keyboard('{Escape}');
  expect(screen.getByRole('dialog', { name: 'Confirm that it is you' })).toBeInTheDocument();
  act(() => sign.done('v1.signed'));
  await expect(first!).resolves.toBe('v1.signed');
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
});
