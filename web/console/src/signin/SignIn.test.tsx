import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import { Problem } from '../api/problem';
import { me, openConsole, TestSocket } from '../testing-app';
import { explain } from './Door';

test('nobody signed in leads to the door, and back to where one wanted to go', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/fleet?presence=offline', { me: null, answers: { 'POST /session': { body: me } } });
  await screen.findByRole('form', { name: 'Sign in' });
  expect(screen.getByLabelText('Login')).toHaveFocus();
  await user.type(screen.getByLabelText('Login'), ' anna ');
  app.server.me = me;
  await user.type(screen.getByLabelText('Password'), 'secret{Enter}');
  await screen.findByRole('heading', { name: 'Fleet' });
  expect(app.address()).toBe('/fleet?presence=offline');
  expect(app.server.requests.find((r) => r.method === 'POST')!.body).toEqual({ login: 'anna', password: 'secret' });
});

test('a wrong password says so, keeps the login, empties the password and takes the focus there', async () => {
  const user = userEvent.setup({ delay: null });
  openConsole('/sign-in', { me: null, answers: { 'POST /session': { status: 401, body: { title: 'Unauthorized' } } } });
  await user.type(await screen.findByLabelText('Login'), 'anna');
  await user.type(screen.getByLabelText('Password'), 'wrong{Enter}');
  expect(await screen.findByText('Login or password is wrong.')).toBeInTheDocument();
  expect(screen.getByLabelText('Login')).toHaveValue('anna');
  expect(screen.getByLabelText('Password')).toHaveValue('');
  expect(screen.getByLabelText('Password')).toHaveFocus();
});

test('empty fields are named without asking the server', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/sign-in', { me: null });
  await user.click(await screen.findByRole('button', { name: 'Sign in' }));
  expect(screen.getByText('Enter your login.')).toBeInTheDocument();
  expect(app.server.requests.some((r) => r.method === 'POST')).toBe(false);
});

test('in the demo one click is enough', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/sign-in', {
    answers: { 'GET /session/demo': { body: { demo: true, people: [{ login: 'anna', name: 'Anna Keller', role: 'Biomedical engineer', site: 'all sites', password: 'p' }] } }, 'POST /session': { body: me } },
  });
  await user.click(await screen.findByRole('button', { name: /Anna Keller/ }));
  await screen.findByRole('heading', { name: 'Home' });
  expect(app.server.requests.find((r) => r.method === 'POST')!.body).toEqual({ login: 'anna', password: 'p' });
});

const strict = { 'GET /session/ways': { body: { rp_id: 'localhost', origin: 'http://localhost:3000', password: 'enrols', demo: false, oidc: '' } } };

test('outside of the demo the passkey comes first, and says in plain words when this browser has none', async () => {
  openConsole('/sign-in', { me: null, answers: strict });
  // jsdom is such a browser.
  expect(await screen.findByText(/Passkeys need an encrypted connection|This browser has no passkeys/)).toBeInTheDocument();
  expect(screen.queryByLabelText('Login')).not.toBeInTheDocument();
});

test('a password alone leads to enrolling, outside of the demo', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/sign-in', { me: null, answers: { ...strict, 'POST /session': { body: { ...me, enrolling: true } } } });
  await user.click(await screen.findByRole('button', { name: 'Use a password instead' }));
  await user.type(screen.getByLabelText('Login'), 'anna');
  await user.type(screen.getByLabelText('Password'), 'secret{Enter}');
  await screen.findByRole('heading', { name: 'Enrol a passkey' });
  expect(screen.getByLabelText('Login')).toHaveValue('anna');
  await app.router.navigate({ to: '/fleet', search: {} });
  expect(app.address()).toBe('/enrol');
});

test('a code that is wrong says so and stays', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/enrol', { me: null, answers: { 'POST /enrol/ask': { status: 401, body: { title: 'Not signed in', detail: 'The login or the code is wrong.', status: 401 } } } });
  await user.type(await screen.findByLabelText('Login'), 'anna');
  await user.click(screen.getByRole('button', { name: 'Continue' }));
  expect(screen.getByText('Enter the code.')).toBeInTheDocument();
  await user.type(screen.getByLabelText('One-time code'), '7kq2m 00000 11111 abcde{Enter}');
  expect(await screen.findByText(/The login or the code is wrong/)).toBeInTheDocument();
  expect(screen.getByLabelText('One-time code')).toHaveValue('7kq2m 00000 11111 abcde');
  expect(app.server.requests.find((r) => r.path === '/enrol/ask')!.body).toEqual({ login: 'anna', code: '7kq2m 00000 11111 abcde' });
});

test('outside of the demo nobody is offered', async () => {
  openConsole('/sign-in', { me: null });
  await screen.findByRole('form', { name: 'Sign in' });
  expect(screen.queryByText(/demo/i)).not.toBeInTheDocument();
});

describe('the way back', () => {
  test.each(['//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)'])('%s is not followed', async (to) => {
    const user = userEvent.setup({ delay: null });
    const app = openConsole(`/sign-in?to=${encodeURIComponent(to)}`, { me: null, answers: { 'POST /session': { body: me } } });
    await user.type(await screen.findByLabelText('Login'), 'a');
    app.server.me = me;
    await user.type(screen.getByLabelText('Password'), 'b{Enter}');
    await screen.findByRole('heading', { name: 'Home' });
    expect(app.address()).toBe('/');
  });
});

test('a session that ends says so over the page; leaving it leads here and remembers the page', async () => {
  const user = userEvent.setup({ delay: null });
  const app = openConsole('/alarms', {});
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  app.server.me = null;
  TestSocket.all[0]!.onclose!({ code: 4401 });
  await screen.findByRole('dialog', { name: 'Your session has ended' });
  expect(app.address()).toBe('/alarms');
  await user.click(screen.getByRole('button', { name: 'Leave this page' }));
  expect(await screen.findByText(/Your session has ended/)).toBeInTheDocument();
  await waitFor(() => expect(app.address()).toBe('/sign-in?ended=1&to=%2Falarms'));
});

test('a session that another tab replaced goes on as that person', async () => {
  const app = openConsole('/alarms', {});
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  app.server.me = { ...me, id: '8', name: 'Otto Lindqvist' };
  TestSocket.all[0]!.onclose!({ code: 4401 });
  // Another feed begins for him, and with it another frame: the button of the first may be gone again.
  await waitFor(() => expect(TestSocket.all.length).toBeGreaterThan(1));
  await waitFor(() => expect(screen.getByRole('button', { name: /Otto Lindqvist/ })).toBeInTheDocument());
  expect(app.address()).toBe('/alarms');
});

test.each([
  [new Problem(401, 'x'), 'Login or password is wrong.'],
  [new Problem(429, 'x', null, null, null, [], 12), 'Too many attempts. Wait 12 s and try again.'],
  [new Problem(429, 'x'), 'Too many attempts. Wait a minute and try again.'],
  [Problem.unreachable(new TypeError()), 'The server cannot be reached. Check the network and try again.'],
  [new Problem(500, 'The server failed', 'Tell support.'), 'The server failed. Tell support.'],
])('%s', (err, want) => expect(explain(err)).toBe(want));
