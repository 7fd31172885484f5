import { act, render, screen } from '@testing-library/react';
import { type ReactNode, Suspense } from 'react';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { part } from './part';
import { isPartMissing } from './missing';

const settled = () => act(async () => {});
const shown = async (what: ReactNode) => {
  const r = render(<Suspense fallback="waits">{what}</Suspense>);
  await settled();
  return r;
};
const Came = ({ word }: { word: string }) => <b>{word}</b>;

const gone = () => Promise.reject(new TypeError('Failed to fetch dynamically imported module'));

afterEach(() => vi.restoreAllMocks());

describe('a part that is fetched when it is wanted', () => {
  test('comes when it is shown, with what it is given', async () => {
    const load = vi.fn(() => Promise.resolve({ default: Came }));
    const Part = part(load);
    expect(load).not.toHaveBeenCalled();
    await shown(<Part word="here" />);
    expect(screen.getByText('here')).toBeTruthy();
  });

  test('that does not come leaves the screen as it is, and says what to do until somebody has seen it', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Part = part<typeof Came>(gone);
    const r = await shown(<><input aria-label="Dose" defaultValue="0.4" /><Part word="here" /></>);
    expect(screen.getByRole('alert').textContent).toMatch(/has not come/);
    expect((screen.getByLabelText('Dose') as HTMLInputElement).value).toBe('0.4');
    act(() => screen.getByRole('button', { name: 'Later' }).click());
    expect(screen.queryByRole('alert')).toBeNull();
    expect((screen.getByLabelText('Dose') as HTMLInputElement).value).toBe('0.4');
    expect(screen.getByText('A part of this page has not come.')).toBeVisible();
    r.unmount();
    await shown(<Part word="here" />); // somebody opens it again
    expect(screen.getByRole('alert')).toBeTruthy();
  });

  test('is missing from the page also on paper, which only what is for a screen is not on', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Part = part<typeof Came>(gone);
    expect(isPartMissing()).toBe(false);
    await shown(<main><Part word="here" /></main>);
    expect(screen.getByText('A part of this page has not come.').closest('[data-screen]')).toBeNull();
    expect(isPartMissing()).toBe(true);
    act(() => screen.getByRole('button', { name: 'Later' }).click());
    expect(isPartMissing()).toBe(true);
  });

  test('has something in its place', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Part = part<typeof Came>(gone, { instead: ({ word }) => <button type="button">{word}</button> });
    await shown(<Part word="opens" />);
    expect(screen.getByRole('button', { name: 'opens' })).toBeTruthy();
    expect(document.querySelector('[data-missing]')).toBeNull();
  });

  test('that comes and fails is no part that has not come', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Part = part(() => Promise.resolve({ default: (): ReactNode => { throw new Error('a fault of its own'); } }));
    await expect(shown(<Part />)).rejects.toThrow('a fault of its own');
  });
});
