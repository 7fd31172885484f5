import { MantineProvider } from '@mantine/core';
import { createMemoryHistory, createRootRoute, createRoute, createRouter, Outlet, RouterProvider } from '@tanstack/react-router';
import { act, render, screen } from '@testing-library/react';
import { useEffect } from 'react';
import { expect, test } from 'vitest';
import { parseSearch, stringifySearch } from './searchparams';
import { useChange } from './useChange';

interface Search { q?: string; tab?: string; from?: string }
const keys = ['q', 'tab', 'from'] as const;
const read = (raw: Record<string, unknown>): Search => Object.fromEntries(keys.filter((k) => typeof raw[k] === 'string' && raw[k] !== '').map((k) => [k, raw[k]]));

/** A screen behind another one, and what people do to it. */
async function setup() {
  const held = new Map<'change', ReturnType<typeof useChange<Search>>>();
  const root = createRootRoute({ component: Outlet });
  const Page = () => {
    const change = useChange(read);
    useEffect(() => {
      held.set('change', change);
    }, [change]);
    return <p>here</p>;
  };
  const router = createRouter({
    routeTree: root.addChildren([createRoute({ getParentRoute: () => root, path: '/', component: () => <p>start</p> }), createRoute({ getParentRoute: () => root, path: '/list', validateSearch: read, component: Page })]),
    history: createMemoryHistory({ initialEntries: ['/', '/list'] }), parseSearch, stringifySearch,
  });
  render(<MantineProvider env="test"><RouterProvider router={router as never} /></MantineProvider>);
  await screen.findByText('here');
  const settle = () => act(async () => { await new Promise((ok) => setTimeout(ok, 20)); });
  return {
    do: async (part: Search, how?: 'choice' | 'stream') => { act(() => held.get('change')!(part, how)); await settle(); },
    back: async () => { act(() => router.history.back()); await settle(); return router.state.location.href; },
    at: () => router.state.location.href,
  };
}

test('typing is one step back, however long it was', async () => {
  const s = await setup();
  for (const q of ['m', 'me', 'me2']) await s.do({ q }, 'stream');
  expect(s.at()).toBe('/list?q=me2');
  expect(await s.back()).toBe('/list');
  expect(await s.back()).toBe('/');
});

test('every choice is a step, and one that changes nothing is none', async () => {
  const s = await setup();
  await s.do({ tab: 'a' });
  await s.do({ tab: 'b' });
  await s.do({ tab: 'b' });
  expect(await s.back()).toBe('/list?tab=a');
  expect(await s.back()).toBe('/list');
  expect(await s.back()).toBe('/');
});

test('typing goes on as another step after a choice, in another field, and after Back', async () => {
  const s = await setup();
  await s.do({ q: 'm' }, 'stream');
  await s.do({ tab: 'a' });
  await s.do({ q: 'me' }, 'stream');
  expect(await s.back()).toBe('/list?q=m&tab=a');
  await s.do({ from: '1' }, 'stream');
  await s.do({ q: 'x' }, 'stream');
  await s.do({ q: 'xy' }, 'stream');
  expect(s.at()).toBe('/list?q=xy&tab=a&from=1');
  expect(await s.back()).toBe('/list?q=m&tab=a&from=1');
  await s.do({ q: 'z' }, 'stream');
  expect(await s.back()).toBe('/list?q=m&tab=a&from=1');
  expect(await s.back()).toBe('/list?q=m&tab=a');
});
