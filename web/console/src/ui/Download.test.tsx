import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test, vi } from 'vitest';
import { gates } from '../api/gates';
import { Download } from './Download';

afterEach(() => {
  delete gates.signedOut;
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
  return { kept, press: () => userEvent.setup({ delay: null }).click(screen.getByRole('link', { name: 'all work' })) };
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
