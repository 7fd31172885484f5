import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hello, openConsole, TestSocket } from '../testing-app';
import { pumpRow } from '../testing';
import './Palette';
import './ShortcutList';

beforeEach(() => localStorage.clear());
afterEach(() => localStorage.clear());

async function open(path = '/fleet') {
  const app = openConsole(path, { pumps: [pumpRow({ id: '1', serial: 'TV-1001', label: 'Bay 4' }), pumpRow({ id: '2', serial: 'MP-2002' })] });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  return { app, user: userEvent.setup({ delay: null }) };
}

test('Ctrl K finds a pump and Enter opens it', async () => {
  const { app, user } = await open();
  await user.keyboard('{Control>}k{/Control}');
  const box = await screen.findByRole('combobox', { name: 'Search' });
  expect(box).toHaveFocus();
  await user.type(box, 'bay');
  const found = await screen.findByRole('option', { name: /TV-1001/ });
  expect(found).toHaveAttribute('aria-selected', 'true');
  expect(box).toHaveAttribute('aria-activedescendant', found.id);
  await user.keyboard('{Enter}');
  await waitFor(() => expect(app.address()).toBe('/pumps/1'));
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
});

test('arrows choose among places and acts, and what does not exist says so', async () => {
  const { app, user } = await open();
  await user.click(screen.getByRole('button', { name: /^Search or go to/ }));
  const box = await screen.findByRole('combobox', { name: 'Search' });
  await user.type(box, 'high alarms');
  await screen.findByRole('option', { name: 'High alarms' });
  await user.keyboard('{Enter}');
  await waitFor(() => expect(app.address()).toBe('/alarms?priority=high'));
  await user.keyboard('{Control>}k{/Control}');
  await user.type(await screen.findByRole('combobox', { name: 'Search' }), 'no such thing');
  expect(await screen.findByText('Nothing found')).toBeInTheDocument();
});

test('g and a letter go to a place, ? lists the shortcuts, and both can be turned off', async () => {
  const { app, user } = await open();
  await user.keyboard('ga');
  await waitFor(() => expect(app.address()).toBe('/alarms'));
  await user.keyboard('?');
  const dialog = await screen.findByRole('dialog', { name: 'Keyboard shortcuts' });
  expect(within(dialog).getByText('g a')).toBeInTheDocument();
  await user.click(within(dialog).getByRole('checkbox'));
  await user.keyboard('{Escape}');
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument());
  await user.keyboard('gf?');
  expect(app.address()).toBe('/alarms');
  expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
  expect(localStorage.getItem('cisterna-shortcuts')).toBe('off');
});

test('the second key of a pair is not another shortcut, and letters in a field are letters', async () => {
  const { app, user } = await open();
  await user.type(await screen.findByLabelText('Filter by text'), 'ga');
  await waitFor(() => expect(app.address()).toBe('/fleet?q=ga'));
});

test('the navigation remembers that it is narrow', async () => {
  const { user } = await open();
  const fold = screen.getByRole('button', { name: /^Narrow/ });
  expect(fold).toHaveAttribute('aria-expanded', 'true');
  await user.click(fold);
  expect(fold).toHaveAttribute('aria-expanded', 'false');
  expect(localStorage.getItem('cisterna-rail')).toBe('narrow');
});

test('the counters lead to the alarms of their priority', async () => {
  const { app, user } = await open();
  await user.click(screen.getByRole('link', { name: /^0 medium alarms/ }));
  await waitFor(() => expect(app.address()).toBe('/alarms?priority=medium'));
});
