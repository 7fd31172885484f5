import { act, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { hello, openConsole, TestSocket } from '../testing-app';
import { pumpRow } from '../testing';

const before = () => act(() => void window.dispatchEvent(new Event('beforeprint')));
const after = () => act(() => void window.dispatchEvent(new Event('afterprint')));
const head = () => document.querySelector<HTMLElement>('[data-paper-head]');

async function open(path: string, part: Parameters<typeof openConsole>[1] = {}) {
  const app = openConsole(path, { pumps: Array.from({ length: 200 }, (_, i) => pumpRow({ id: String(i + 1), serial: `TV-${1000 + i}` })), ...part });
  await waitFor(() => expect(TestSocket.all).toHaveLength(1));
  act(hello);
  await screen.findByRole('main');
  return app;
}

afterEach(() => document.documentElement.removeAttribute('data-paper'));

test('on paper a page says what it is, of which sites, when and by whom; on a screen it does not', async () => {
  await open('/fleet?q=tv');
  await screen.findByRole('grid', { name: 'Pumps' });
  expect(head()).toBeNull();
  before();
  expect(document.documentElement).toHaveAttribute('data-paper');
  expect(head()).toHaveTextContent('Fleet: the pumps that match');
  expect(head()).toHaveTextContent('Lakeside');
  expect(head()?.textContent).toMatch(/Printed \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ by Anna Keller \(anna\), Biomedical engineer\. Times in /);
  after();
  expect(head()).toBeNull();
  expect(document.documentElement).not.toHaveAttribute('data-paper');
});

test('every pump is on the paper, not only those that the screen holds', async () => {
  await open('/fleet');
  await screen.findByRole('grid', { name: 'Pumps' });
  before();
  const table = screen.getByRole('table', { name: 'Pumps' });
  expect(within(table).getAllByRole('row')).toHaveLength(201);
  expect(within(table).getByText('TV-1199')).toBeInTheDocument();
  after();
  expect(screen.queryByRole('table', { name: 'Pumps' })).not.toBeInTheDocument();
});

test('a page that still loads is printed, and says so', async () => {
  await open('/record', { answers: { 'GET /audit': 'hang' } });
  await screen.findByText('Loading the record…');
  before();
  expect(within(head()!).getByRole('alert')).toHaveTextContent('Not complete: a part was still being read when this was printed.');
  after();
});

test('a page of which a part has not come is not complete', async () => {
  await open('/fleet');
  await screen.findByRole('grid', { name: 'Pumps' });
  const missing = document.createElement('p');
  missing.dataset.missing = '';
  screen.getByRole('main').append(missing);
  before();
  expect(within(head()!).getByRole('alert')).toHaveTextContent('Not complete: a part could not be read.');
  after();
});
