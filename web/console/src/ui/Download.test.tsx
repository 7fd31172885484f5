import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import { gates } from '../api/gates';
import { cancelled } from '../session/cancelled';
import { Download } from './Download';

afterEach(() => {
  delete gates.signedOut;
  delete gates.stepUp;
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A server that answers so, one after the other; what was kept as a file. */
function open(...answers: Response[]) {
  const kept: string[] = [];
  vi.stubGlobal('fetch', async () => answers.shift() ?? new Response(null, { status: 500 }));
  vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: () => 'blob:x', revokeObjectURL: () => {} }));
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function click(this: HTMLAnchorElement) { kept.push(this.download); });
  render(<QueryClientProvider client={new QueryClient()}><Download href="/api/v1/cmms/work.csv">all work</Download></QueryClientProvider>);
  return { kept, press: () => userEvent.setup({ delay: null }).click(screen.getByRole('button', { name: 'all work' })) };
}

const file = () => new Response('a,b', { headers: { 'Content-Disposition': 'attachment; filename="work-2026.csv"' } });
const problem = (status: number) => new Response(JSON.stringify({ title: 'Not allowed', detail: 'Ask an engineer.' }), { status });

test('a file that is refused says so, and is nothing to keep', async () => {
  const { kept, press } = open(problem(403));
  await press();
  expect(await screen.findByRole('alert')).toHaveTextContent('The file did not come. Not allowed. Ask an engineer.');
  expect(kept).toEqual([]);
});

test('where the session has ended one signs in again, and the file comes under its name', async () => {
  const { kept, press } = open(problem(401), file());
  gates.signedOut = async () => true;
  await press();
  await waitFor(() => expect(kept).toEqual(['work-2026.csv']));
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
});

const hold = () => new Response(JSON.stringify({ title: 'Confirm with your passkey', code: 'step_up_required', step_up: { nonce: '1' } }), { status: 403 });

test('a file is signed for with the keyboard alone, and comes then', async () => {
  const { kept } = open(hold(), file());
  const asked: string[] = [];
  gates.stepUp = async (ask) => { asked.push(ask.nonce); return 'v1.signed'; };
  const user = userEvent.setup({ delay: null });
  await user.tab();
  expect(screen.getByRole('button', { name: 'all work' })).toHaveFocus();
  await user.keyboard('{Enter}');
  await waitFor(() => expect(kept).toEqual(['work-2026.csv']));
  expect(asked).toEqual(['1']);
});

test('a file that nobody signs for does not come, and nothing is said of it', async () => {
  const { kept, press } = open(hold());
  let refused = false;
  gates.stepUp = () => { refused = true; return Promise.reject(cancelled()); };
  await press();
  await waitFor(() => expect(refused).toBe(true));
  await waitFor(() => expect(screen.getByRole('button', { name: 'all work' })).not.toHaveAttribute('aria-busy'));
  expect(kept).toEqual([]);
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
});
