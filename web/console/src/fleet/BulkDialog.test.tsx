import { MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { Suspense } from 'react';
import { expect, test, vi } from 'vitest';
import type { Run } from '../api/fleet';
import { makeQueries } from '../app/queries';
import { me } from '../testing-app';
import { sessionQuery } from '../session/session';
import { resolver, theme } from '../theme/theme';
import BulkDialog from './BulkDialog';

const run: Run = {
  id: '31', action: 'tag', tags: ['ward-3'], group: null, reason: '', filter: 'battery<40%', count: 12, state: 'running', why: '', created_at: '2026-03-01T10:00:00.000Z', ended_at: null,
  waiting: 5, done: 6, refused: 1,
};

test('earlier work is opened again: how far it is, and what was refused', async () => {
  const answers: Record<string, unknown> = {
    'POST /pumps/frozen': { id: '9', count: 2, filter: '', picked: true, expires_at: '2026-03-01T11:00:00.000Z' },
    'GET /groups': [], 'GET /runs': [run, { ...run, id: '30', state: 'done', waiting: 0, refused: 0, count: 1, done: 1 }], 'GET /runs/31': run,
    'GET /runs/31/items': { items: [{ pump: '4', serial: 'HX0004', state: 'refused', detail: 'It has 20 tags.' }], next: null },
  };
  vi.stubGlobal('fetch', async (r: Request) => new Response(JSON.stringify(answers[`${r.method} ${new URL(r.url).pathname.replace('/api/v1', '')}`]), { headers: { 'Content-Type': 'application/json' } }));
  const queries = makeQueries(() => {});
  queries.setQueryData(sessionQuery.queryKey, me);
  const begun = vi.fn();
  const user = userEvent.setup({ delay: null });
  render(
    <MantineProvider theme={theme} cssVariablesResolver={resolver} env="test">
      <QueryClientProvider client={queries}><Suspense><BulkDialog filter="" pumps={['1', '2']} onClose={() => {}} onBegun={begun} /></Suspense></QueryClientProvider>
    </MantineProvider>,
  );
  const earlier = await screen.findByRole('region', { name: 'Your earlier work' });
  expect(within(earlier).getAllByRole('listitem')).toHaveLength(2);
  expect(earlier).toHaveTextContent('Give tags: 12 pumps, 5 left, 1 refused');
  await user.click(within(earlier).getAllByRole('button', { name: /^Open what was begun/ })[0]!);
  expect(await screen.findByText(/6 done, 1 refused, 5 left…/)).toBeInTheDocument();
  expect(await screen.findByText('It has 20 tags.')).toBeInTheDocument();
  expect(screen.queryByRole('region', { name: 'Your earlier work' })).not.toBeInTheDocument();
  // Nothing was begun: the selection stays.
  expect(begun).not.toHaveBeenCalled();
});
