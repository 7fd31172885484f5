import { act, fireEvent, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';
import type { Me, Person } from '../api/types';
import { hello, me, openConsole, TestSocket, type TestServer } from '../testing-app';
import { pumpRow } from '../testing';
import './Palette';
import '../ui/DialogSheet';

const admin: Me = { ...me, id: '8', login: 'ada', roles: [{ site: '1', site_name: 'Lakeside', role: 'admin' }] };
const rosa: Person = {
  id: '21', login: 'rosa', name: 'Rosa Weil', state: 'open', created_at: '2026-03-01T10:00:00.000Z', disabled_at: null, seen_at: null, sessions: 0, elsewhere: false, managed: true,
  roles: [{ site: '1', site_short: 'Lakeside', role: 'nurse', granted_at: '2026-03-01T10:00:00.000Z', granted_by: 'person:8 ada' }],
};
const group = { id: '5', site: '1', name: 'Rosa Luxemburg ward', note: '', filter: '', owner: '7', owner_name: 'Anna', created_at: '2026-03-01T10:00:00Z', etag: '"1"' };
const answers: TestServer['answers'] = { 'GET /people': { body: { items: [rosa], next: null } }, 'GET /groups': { body: [group] } };

async function search(who: Me, text: string, more: TestServer['answers'] = {}) {
  const app = openConsole('/fleet', { me: who, pumps: [pumpRow({ id: '1', serial: 'ROS-1' })], answers: { ...answers, ...more } });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  const user = userEvent.setup({ delay: null });
  await user.keyboard('{Control>}k{/Control}');
  await user.type(await screen.findByRole('combobox', { name: 'Search' }), text);
  return { app, user };
}
const askedForPeople = (app: ReturnType<typeof openConsole>) => app.server.requests.filter((r) => r.path.startsWith('/people')).map((r) => r.path);

test('an administrator finds a person by their name, after the pumps, and opens them', async () => {
  const { app, user } = await search(admin, 'ros');
  const found = await screen.findByRole('option', { name: /^Rosa Weil/ });
  expect(found).toHaveTextContent('Refill nurse, Lakeside');
  expect(askedForPeople(app)).toEqual(['/people?text=ros&limit=8&state=all']);
  // What was chosen before they came is chosen still.
  expect(screen.getByRole('option', { name: /ROS-1/ })).toHaveAttribute('aria-selected', 'true');
  await user.click(found);
  await waitFor(() => expect(app.address()).toBe('/people?person=21'));
});

test('a group is found by its name and opens the fleet of it', async () => {
  const { app, user } = await search(me, 'luxemburg');
  await user.click(await screen.findByRole('option', { name: /^Rosa Luxemburg ward/ }));
  await waitFor(() => expect(app.address()).toMatch(/^\/fleet\?q=group/));
  expect(decodeURIComponent(app.address()).replaceAll('+', ' ')).toContain('group:"Rosa Luxemburg ward"');
});

test('whoever may see no people is asked for none', async () => {
  const { app } = await search(me, 'rosa weil');
  expect(await screen.findByText('Nothing found')).toBeInTheDocument();
  await new Promise((done) => setTimeout(done, 400)); // longer than the pause before the server is asked
  expect(askedForPeople(app)).toEqual([]);
});

test('one letter asks for nobody', async () => {
  const { app } = await search(admin, 'r');
  await screen.findByRole('option', { name: /ROS-1/ });
  await new Promise((done) => setTimeout(done, 400));
  expect(askedForPeople(app)).toEqual([]);
});

test('while people are searched it says so, and does not say that there is nothing', async () => {
  await search(admin, 'rosa weil', { 'GET /people': 'hang' });
  expect(await screen.findByText('Searching people…')).toBeInTheDocument();
  expect(screen.queryByText('Nothing found')).not.toBeInTheDocument();
});

test('a search that fails says that there may be more, and not that there is nothing', async () => {
  await search(admin, 'rosa weil', { 'GET /people': { status: 503, body: { title: 'Not available now' } } });
  expect(await screen.findByText(/People could not be searched/)).toBeInTheDocument();
  expect(screen.queryByText(/Nothing is called/)).not.toBeInTheDocument();
});

test('what is typed before the box has come is in it, and goes nowhere else', async () => {
  const app = openConsole('/fleet', { me, pumps: [pumpRow({ id: '1', serial: 'ROS-1' })], answers });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  const filter = await screen.findByLabelText('Filter by text');
  filter.focus();
  const press = (key: string, more = {}) => fireEvent.keyDown(document.activeElement!, { key, ...more });
  press('k', { ctrlKey: true });
  for (const key of 'alarmx') expect(press(key), 'it is not for the page').toBe(false);
  press('Backspace');
  await waitFor(() => expect(document.querySelector('input[aria-label="Search"]')).toHaveValue('alarm'), { timeout: 30_000 });
  expect(filter).toHaveValue('');
  expect(app.address()).toBe('/fleet');
});

test('Enter before the box has come goes where it would have gone', async () => {
  const app = openConsole('/fleet', { me, pumps: [pumpRow({ id: '1', serial: 'ROS-1' })], answers });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  fireEvent.keyDown(document.body, { key: 'k', ctrlKey: true });
  for (const key of [...'alarms', 'Enter']) fireEvent.keyDown(document.body, { key });
  await waitFor(() => expect(app.address()).toBe('/alarms'), { timeout: 20_000 });
  expect(document.querySelector('input[aria-label="Search"]')).toBeNull();
});

test('Escape before the box has come calls it off, and the keys are the page\'s again', async () => {
  openConsole('/fleet', { me, pumps: [pumpRow({ id: '1', serial: 'ROS-1' })], answers });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  fireEvent.keyDown(document.body, { key: 'k', ctrlKey: true });
  expect(fireEvent.keyDown(document.body, { key: 'a' })).toBe(false);
  fireEvent.keyDown(document.body, { key: 'Escape' });
  expect(fireEvent.keyDown(document.body, { key: 'a' })).toBe(true);
  await new Promise((done) => setTimeout(done, 300));
  expect(document.querySelector('input[aria-label="Search"]')).toBeNull();
});
