import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { describe, expect, test } from 'vitest';
import type { ApiToken, Me, Person, RolesInfo } from '../api/types';
import { me, openConsole } from '../testing-app';
import { excluded } from './forms';
import { readPeopleSearch } from './search';

const admin: Me = { ...me, id: '8', login: 'ada', name: 'Ada Winther', roles: [{ site: '1', site_name: 'Lakeside', role: 'admin' }] };
const auditor: Me = { ...me, id: '9', login: 'karl', name: 'Karl Neumann', roles: [{ site: '1', site_name: 'Lakeside', role: 'auditor' }] };

function person(part: Partial<Person> & { id: string; name: string }): Person {
  return {
    login: part.name.toLowerCase(), state: 'open', created_at: '2026-03-01T10:00:00.000Z', disabled_at: null, seen_at: null, sessions: 0, elsewhere: false, managed: true,
    roles: [{ site: '1', site_short: 'Lakeside', role: 'nurse', granted_at: '2026-03-01T10:00:00.000Z', granted_by: 'person:8 ada' }], ...part,
  };
}

const info: RolesInfo = {
  exclusions: [
    { one: 'admin', other: 'nurse', anywhere: true, why: 'Whoever manages people takes part in no dose change.' },
    { one: 'auditor', other: 'verifier', anywhere: false, why: 'Nobody audits their own work.' },
  ],
  counts: [{ site: '1', role: 'nurse', people: 3 }],
};

const rosa = person({ id: '21', name: 'Rosa', sessions: 2 });
const token: ApiToken = {
  id: '3', name: 'nightly', owner: '8', owner_login: 'ada', owner_name: 'Ada Winther', scopes: ['pumps.read'], sites: ['1'], state: 'active', created_at: '2026-03-01T10:00:00.000Z',
  expires_at: '2026-04-01T10:00:00.000Z', used_at: null, used_from: null, revoked_at: null, revoked_by: null, reason: null,
};
const answers = {
  'GET /people': { body: { items: [rosa, person({ id: '22', name: 'Otto', state: 'disabled', disabled_at: '2026-03-02T10:00:00.000Z' })], next: null } },
  'GET /people/21': { body: rosa },
  'GET /roles': { body: info },
  'GET /codes': { body: [] },
  'GET /people/21/keys': { body: [] },
  'GET /tokens': { body: { items: [token] } },
  'GET /tokens/sites': { body: { items: [token] } },
};

const open = (path: string, who: Me = admin, more: Parameters<typeof openConsole>[1] = {}) => openConsole(path, { me: who, ...more, answers: { ...answers, ...more?.answers } });
const posts = (app: ReturnType<typeof openConsole>) => app.server.requests.filter((r) => r.method !== 'GET');

describe('the list of people', () => {
  test('shows roles in words, who is shut, and opens one by their name', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/people');
    const list = await screen.findByRole('list', { name: 'People, by name' });
    expect(within(list).getAllByText('Refill nurse')).toHaveLength(2);
    expect(within(list).getByText('Account shut')).toBeInTheDocument();
    await user.click(within(list).getByRole('link', { name: 'Rosa' }));
    expect(await screen.findByRole('region', { name: 'Rosa' })).toBeInTheDocument();
    expect(app.address()).toBe('/people?person=21');
  });

  test('is narrowed by the address, and says so when nobody matches', async () => {
    const app = open('/people?role=nurse&state=open&text=ro', admin, { answers: { 'GET /people': { body: { items: [], next: null } } } });
    expect(await screen.findByText('Nobody matches')).toBeInTheDocument();
    expect(app.server.requests.some((r) => r.path === '/people?limit=100&text=ro&role=nurse&state=open')).toBe(true);
    await userEvent.click(screen.getAllByRole('button', { name: 'Show all' })[0]!);
    await waitFor(() => expect(app.address()).toBe('/people'));
  });

  test('loading, trouble with a way to try again', async () => {
    open('/people', admin, { answers: { 'GET /people': 'hang' } });
    expect(await screen.findByText('Loading people…')).toBeInTheDocument();
  });

  test('trouble says what and offers another try', async () => {
    open('/people', admin, { answers: { 'GET /people': { status: 503, body: { title: 'Not available now', request_id: 'ABC' } } } });
    expect(await screen.findByText('The list of people could not be read.', {}, { timeout: 15_000 })).toBeInTheDocument();
    expect(screen.getByText('ABC')).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Try again' })).toBeInTheDocument();
  });

  test('an auditor sees people and can change none', async () => {
    open('/people?person=21', auditor, { answers: { 'GET /people/21': { body: { ...rosa, managed: false } } } });
    expect(await screen.findByRole('heading', { name: 'Rosa' })).toBeInTheDocument();
    for (const name of [/Add a person/, /Give a role/, /away/, /Shut/, /End sessions/]) expect(screen.queryByRole('button', { name })).not.toBeInTheDocument();
  });

  test('whoever neither administers nor audits has their own tokens, and asks for nobody', async () => {
    const app = open('/people', me);
    expect(await screen.findByRole('heading', { name: 'API tokens' })).toBeInTheDocument();
    expect(await screen.findByText('nightly')).toBeInTheDocument();
    expect(screen.queryByRole('tab')).not.toBeInTheDocument();
    expect(app.server.requests.some((r) => r.path.startsWith('/people'))).toBe(false);
  });
});

describe('a person', () => {
  test('nobody is offered to change themselves', async () => {
    open('/people?person=8', admin, { answers: { 'GET /people/8': { body: person({ id: '8', name: 'Ada', roles: [{ ...rosa.roles[0]!, role: 'admin' }] }) } } });
    expect(await screen.findByText(/This is you/)).toBeInTheDocument();
    for (const name of [/Give a role/, /away/, /Shut/]) expect(screen.queryByRole('button', { name })).not.toBeInTheDocument();
  });

  test('a role that does not go with another is refused before it is asked for', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/people?person=21');
    await user.click(await screen.findByRole('button', { name: 'Give a role…' }));
    const dialog = await screen.findByRole('dialog', { name: 'Give Rosa a role' });
    await user.selectOptions(within(dialog).getByLabelText('Role'), 'admin');
    expect(await within(dialog).findByText(/Whoever manages people takes part in no dose change/)).toBeInTheDocument();
    await user.type(within(dialog).getByLabelText('Reason'), 'new duties');
    await user.click(within(dialog).getByRole('button', { name: 'Give the role' }));
    expect(posts(app)).toEqual([]);
  });

  test('a role is given with a reason, and the page shows it', async () => {
    const user = userEvent.setup({ delay: null });
    const after = { ...rosa, roles: [...rosa.roles, { ...rosa.roles[0]!, role: 'engineer' as const }] };
    const app = open('/people?person=21', admin, { answers: { 'POST /people/21/grant': { body: after } } });
    await user.click(await screen.findByRole('button', { name: 'Give a role…' }));
    const dialog = await screen.findByRole('dialog');
    await user.click(within(dialog).getByRole('button', { name: 'Give the role' }));
    expect(within(dialog).getByText('Choose a role.')).toBeInTheDocument();
    expect(within(dialog).getByText('Say why.')).toBeInTheDocument();
    await user.selectOptions(within(dialog).getByLabelText('Role'), 'engineer');
    await user.type(within(dialog).getByLabelText('Reason'), 'stands in\nfor Otto');
    await user.click(within(dialog).getByRole('button', { name: 'Give the role' }));
    await waitFor(() => expect(posts(app)).toEqual([{ method: 'POST', path: '/people/21/grant', body: { site: '1', role: 'engineer', reason: 'stands in for Otto' } }]));
    expect(await screen.findByRole('button', { name: /^Take away….*Biomedical engineer at Lakeside$/ })).toBeInTheDocument();
  });

  test('an account is shut only after its login was typed, and a refusal keeps what was typed', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/people?person=21', admin, { answers: { 'POST /people/21/disable': { status: 409, body: { title: 'That is not possible now', detail: 'The last administrator of a site stays.' } } } });
    await user.click(await screen.findByRole('button', { name: 'Shut the account…' }));
    const dialog = await screen.findByRole('dialog', { name: 'Shut the account: Rosa' });
    await user.type(within(dialog).getByLabelText('Reason'), 'left');
    await user.click(within(dialog).getByRole('button', { name: 'Shut the account' }));
    expect(within(dialog).getByText('Type rosa to confirm.')).toBeInTheDocument();
    expect(posts(app)).toEqual([]);
    await user.type(within(dialog).getByLabelText('Type the login rosa to confirm'), 'rosa');
    await user.click(within(dialog).getByRole('button', { name: 'Shut the account' }));
    expect(await within(dialog).findByText(/The last administrator of a site stays/)).toBeInTheDocument();
    expect(within(dialog).getByLabelText('Reason')).toHaveValue('left');
  });

  test('a code is shown once, and another administrator’s is confirmed', async () => {
    const user = userEvent.setup({ delay: null });
    const code = {
      id: '5', person: '21', login: 'rosa', name: 'Rosa', purpose: 'enrol', state: 'unconfirmed', reason: 'new here', issued_at: '2026-03-01T10:00:00.000Z', issued_by: 'person:3 olga', confirmed_at: null,
      confirmed_by: '', bootstrap: false, opens_at: null, expires_at: '2026-03-02T10:00:00.000Z', may_confirm: true,
    };
    const app = open('/people?person=21', admin, { answers: { 'GET /codes': { body: [code] }, 'POST /codes/5/confirm': { body: { ...code, state: 'open' } }, 'POST /people/21/codes': { status: 201, body: { ...code, text: 'ABCD-EFGH' } } } });
    expect(await screen.findByText(/Waiting for you to confirm a one-time code/)).toBeInTheDocument();
    await user.click(await screen.findByRole('button', { name: 'Confirm it' }));
    await waitFor(() => expect(posts(app)).toMatchObject([{ path: '/codes/5/confirm' }]));
    await user.click(screen.getByRole('button', { name: 'Issue a code…' }));
    const dialog = await screen.findByRole('dialog', { name: 'Issue a code for Rosa' });
    await user.type(within(dialog).getByLabelText('Reason'), 'new here');
    await user.click(within(dialog).getByRole('button', { name: 'Issue the code' }));
    expect(await screen.findByText('ABCD-EFGH')).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Done' }));
    await waitFor(() => expect(screen.queryByText('ABCD-EFGH')).not.toBeInTheDocument());
  });

  test('one who is not there, or not ours, is not there', async () => {
    open('/people?person=99');
    expect(await screen.findByText('There is no such person')).toBeInTheDocument();
  });
});

describe('sites', () => {
  test('every count is a link to the people that it counts', async () => {
    open('/people?tab=roles');
    expect(await screen.findByRole('link', { name: '3 with the role Refill nurse' })).toHaveAttribute('href', '/people?site=1&role=nurse&state=open');
    expect(screen.getByText(/Nobody audits their own work/)).toBeInTheDocument();
  });

  test('a change that somebody else was before says so and keeps what was typed', async () => {
    const user = userEvent.setup({ delay: null });
    const site = { id: '1', name: 'Lakeside Hospital', short: 'Lakeside', time_zone: 'UTC', rev: 1 };
    const app = open('/people?tab=roles', admin, { answers: { 'GET /sites': { body: [site] }, 'PUT /sites/1': { status: 412, body: { title: 'It has changed' } } } });
    await user.click(await screen.findByRole('button', { name: /^Change….*Lakeside$/ }));
    const dialog = await screen.findByRole('dialog');
    await user.clear(within(dialog).getByLabelText('Name'));
    await user.type(within(dialog).getByLabelText('Name'), 'Lakeside Clinic');
    await user.type(within(dialog).getByLabelText('Reason'), 'renamed');
    await user.click(within(dialog).getByRole('button', { name: 'Change' }));
    expect(await within(dialog).findByText(/Somebody else changed this site/)).toBeInTheDocument();
    app.server.answers['GET /sites'] = { body: [{ ...site, name: 'Lakeside University', rev: 2 }] };
    await user.click(within(dialog).getByRole('button', { name: 'Show it as it is now' }));
    expect(await within(dialog).findByText(/Now it is called Lakeside University/)).toBeInTheDocument();
    expect(within(dialog).getByLabelText('Name')).toHaveValue('Lakeside Clinic');
  });
});

describe('tokens', () => {
  test('the text is shown once, after everything was chosen', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/people?tab=tokens', admin, { answers: { 'POST /tokens': { status: 201, body: { token: 'aaa.bbb.ccc', made: token } } } });
    await user.click(await screen.findByRole('button', { name: 'Make a token' }));
    const dialog = await screen.findByRole('dialog');
    await user.click(within(dialog).getByRole('button', { name: 'Make the token' }));
    expect(within(dialog).getByText('Say what it is for.')).toBeInTheDocument();
    expect(within(dialog).getByText('Choose at least one.')).toBeInTheDocument();
    await user.type(within(dialog).getByLabelText('Name'), 'nightly');
    await user.click(within(dialog).getByLabelText(/Alarms/));
    await user.click(within(dialog).getByRole('button', { name: 'Make the token' }));
    expect(await screen.findByText('aaa.bbb.ccc')).toBeInTheDocument();
    expect(posts(app)[0]).toMatchObject({ path: '/tokens', body: { name: 'nightly', scopes: ['alarms.read'], sites: ['1'], days: 30 } });
    await user.click(screen.getByRole('button', { name: 'Done' }));
    await waitFor(() => expect(screen.queryByText('aaa.bbb.ccc')).not.toBeInTheDocument());
  });

  test('one is revoked after its name was typed', async () => {
    const user = userEvent.setup({ delay: null });
    const app = open('/people?tab=tokens&whose=sites', admin, { answers: { 'POST /tokens/3/revoke': { body: { ...token, state: 'revoked' } } } });
    await user.click(await screen.findByRole('button', { name: /^Revoke….*nightly$/ }));
    const dialog = await screen.findByRole('dialog');
    await user.type(within(dialog).getByLabelText('Reason'), 'lost');
    await user.type(within(dialog).getByLabelText('Type the name nightly to confirm'), 'nightly');
    await user.click(within(dialog).getByRole('button', { name: 'Revoke' }));
    await waitFor(() => expect(posts(app)).toEqual([{ method: 'POST', path: '/tokens/3/revoke', body: { reason: 'lost' } }]));
  });

  test('none says what they are for', async () => {
    open('/people?tab=tokens', admin, { answers: { 'GET /tokens': { body: { items: [] } } } });
    expect(await screen.findByText('You have no tokens')).toBeInTheDocument();
  });
});

test('exclusions hold in both directions, at one site or at all', () => {
  expect(excluded(info, [{ site: '1', role: 'admin' }], '2', 'nurse')).toMatch(/at any site/);
  expect(excluded(info, [{ site: '1', role: 'nurse' }], '2', 'admin')).toMatch(/at any site/);
  expect(excluded(info, [{ site: '1', role: 'verifier' }], '1', 'auditor')).toMatch(/at the same site/);
  expect(excluded(info, [{ site: '1', role: 'verifier' }], '2', 'auditor')).toBeNull();
  expect(excluded(info, [{ site: '1', role: 'nurse' }], '1', 'engineer')).toBeNull();
  expect(excluded(undefined, [{ site: '1', role: 'nurse' }], '1', 'admin')).toBeNull();
});

test('an address holds only what may stand there', () => {
  expect(readPeopleSearch({ tab: 'roles', text: 'x', site: '1', role: 'nurse', state: 'open', person: '2', whose: 'sites', other: '1' })).toEqual({
    tab: 'roles', text: 'x', site: '1', role: 'nurse', state: 'open', person: '2', whose: 'sites',
  });
  expect(readPeopleSearch({ tab: 'all', text: '', site: '-1', role: 'king', state: 'x', person: "1' OR", whose: 'all' })).toEqual({});
});

test('the tabs are steps in the address: another tab takes nothing along, and Back undoes one', async () => {
  const user = userEvent.setup({ delay: null });
  const app = open('/people?role=nurse');
  await screen.findByRole('list', { name: 'People, by name' });
  await user.click(screen.getByRole('tab', { name: 'API tokens' }));
  await waitFor(() => expect(app.address()).toBe('/people?tab=tokens'));
  await user.click(await screen.findByRole('button', { name: 'All at my sites' }));
  await waitFor(() => expect(app.address()).toBe('/people?tab=tokens&whose=sites'));
  await user.click(screen.getByRole('tab', { name: 'People' }));
  await waitFor(() => expect(app.address()).toBe('/people'));
  for (const was of ['/people?tab=tokens&whose=sites', '/people?tab=tokens', '/people?role=nurse']) {
    act(() => app.router.history.back());
    await waitFor(() => expect(app.address()).toBe(was));
  }
  expect(app.router.history.canGoBack()).toBe(false);
});
