import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { render, screen, within } from '@testing-library/react';
import { MantineProvider } from '@mantine/core';
import { expect, test } from 'vitest';
import type { LibraryContent, Order, OrderLetter, Preview } from '../api/orders';
import { Problem } from '../api/problem';
import { pumpRow } from '../testing';
import { me, openConsole } from '../testing-app';
import { Judged } from './Judged';
import './OrderPage';
import { Refused } from './Refused';
import { StopWay } from './StopWay';
import { library, pump } from './testing-therapy';

/**
 * Every code by which a pump or the platform refuses, as docs/orders.md has it (a test of package refusal holds the page against
 * the code), stands on every screen that can meet it with its remedy in words. Which of them a real server gives to a page, and why
 * the others do not come there, stands in e2e/orders-refusals.spec.ts.
 */

const page = readFileSync(join(process.cwd(), '../../docs/orders.md'), 'utf8');
const all = [...page.matchAll(/^\| `([ES]_[A-Z_]+)` \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, code, says, remedy]) => ({ code: code!, says: says!.trim(), remedy: remedy!.trim() }));
const pumps = all.filter(({ code }) => code.startsWith('E_'));

test('the page lists the codes of the pump and of the platform', () => {
  expect(pumps.length).toBeGreaterThanOrEqual(34);
  expect(all.length - pumps.length).toBeGreaterThanOrEqual(25);
  expect(new Set(all.map((c) => c.code)).size).toBe(all.length);
});

/** What the server answers where it refuses. */
const answer = (code: string, detail: string, remedy: string) => new Response(JSON.stringify({ title: 'Conflict', status: 409, detail, errors: [{ location: `order.${code}`, message: detail, remedy }] }), { status: 409 });

test('each, where somebody proposes, verifies, signs or releases', async () => {
  const refused = await Promise.all(all.map(async ({ code, says, remedy }) => ({ code, says, remedy, error: await Problem.from(answer(code, `${says}.`, remedy)) })));
  const { container } = render(<>{refused.map(({ code, error }) => <Refused key={code} what="Not done." error={error} />)}</>);
  expect([...container.querySelectorAll('[role="alert"]')].map((p) => p.textContent)).toEqual(all.map(({ code, says, remedy }) => `Not done. ${code} Conflict. ${says}. ${remedy}`));
});

test('a remedy that its sentence has already is said once', async () => {
  const refused = await Promise.all(all.map(async ({ code, says, remedy }) => ({ code, error: await Problem.from(answer(code, `${says}. ${remedy}`, remedy)) })));
  const { container } = render(<>{refused.map(({ code, error }) => <Refused key={code} what="Not done." error={error} />)}</>);
  expect([...container.querySelectorAll('[role="alert"]')].map((p) => p.textContent)).toEqual(all.map(({ code, says, remedy }) => `Not done. ${code} Conflict. ${says}. ${remedy}`));
});

test('all of them, before anything is proposed', async () => {
  const preview = { finding: { people: 2, increase: false, notices: [], refusals: all.map(({ code, says, remedy }) => ({ code, detail: says, remedy })) }, bridge: null, rehearsal: { refused: 'E_STATE', days: [], curve: [] }, rehearsal_same: null } as unknown as Preview;
  render(<MantineProvider><Judged judged={{ wish: null, plan: null, preview, waiting: false, asked: true, error: null }} lib={library as LibraryContent} /></MantineProvider>);
  const items = within(screen.getByRole('list', { name: 'Refusals' })).getAllByRole('listitem');
  expect(items.map((li) => li.textContent)).toEqual(all.map(({ code, says, remedy }) => `${code} ${says}${remedy}`));
});

test('each of a pump’s, as the answer to a stop', () => {
  const letter = (code: string, remedy: string) => ({ id: '1', kind: 'stop', state: 'refused', code, remedy, at: '2026-05-08T09:00:00Z', not_after: '2026-05-08T09:15:00Z', sent_at: '2026-05-08T09:00:00Z', answered_at: '2026-05-08T09:00:01Z', failed: true }) as unknown as OrderLetter;
  const { container } = render(<>{pumps.map(({ code, remedy }) => <StopWay key={code} letter={letter(code, remedy)} therapy={null} connected heard={null} mayPropose={false} />)}</>);
  const said = [...container.querySelectorAll('[data-stop="refused"]')].map((d) => d.textContent);
  expect(said).toHaveLength(pumps.length);
  for (const [k, { code, remedy }] of pumps.entries()) expect(said[k]).toContain(`${code} ${remedy}`);
});

const who = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'nurse' as const }] };
const last = all.find((c) => c.code === 'E_CONFIRM')!;

test('all of them, as the pump’s answers on the page of an order, and why it ended', async () => {
  const order = {
    id: '5', rev: 1, site: '1', pump: '1', state: 'refused', act: 'program', patient: null, proposer: { id: '99', login: 'x', name: 'Ida Vance' }, approvals: [], blind: false, mismatches: 0, document: null, wish: null,
    finding: { refusals: [], notices: [], people: 2 }, created_at: '2026-03-01T10:00:00.000Z', proposed_at: '2026-03-01T10:00:00.000Z', expires_at: '2099-03-31T10:00:00.000Z', closed_at: '2026-03-01T11:00:00.000Z', hash: null,
    code: last.code, detail: last.says, remedy: last.remedy, replaces: null, contradicted: false, pump_told: true, asked: null, asked_all: [], asked_until: null, escalated: 0, released_at: null, may_apply_until: null, bedside_since: null, bedside_until: null,
  } as unknown as Order;
  const letters = all.map(({ code, remedy }, i) => ({
    id: String(i + 1), kind: 'release', order: '5', counter: String(i + 1), by: { id: '3', login: 'rosa', name: 'Rosa Lind' }, at: '2026-03-01T10:30:00.000Z', not_after: '2026-03-01T10:46:00.000Z', state: 'refused', reason: '', overdose: false,
    sent_at: '2026-03-01T10:30:01.000Z', answered_at: '2026-03-01T10:30:02.000Z', code, remedy, failed: false, envelope: '',
  }));
  const row = pumpRow({ id: '1', serial: 'HX0001' });
  openConsole('/orders/5', {
    me: who, pumps: [row],
    answers: {
      'GET /orders/5': { body: order }, 'GET /orders/5/history': { body: { events: [], letters } }, 'GET /pumps/1': { body: { ...row, keys: [], gaps: [], label: '' } },
      'GET /pumps/1/therapy': { body: pump() }, 'GET /libraries': { body: { items: [{ state: 'active', library }] } },
    },
  });
  const items = [...(await screen.findByText('What left for the pump, and its answers')).parentElement!.querySelectorAll('li')];
  expect(items).toHaveLength(all.length);
  for (const [i, { code, remedy }] of all.entries()) {
    expect(items[i]).toHaveTextContent(`Answered ${code}`);
    expect(items[i]).toHaveTextContent(remedy);
  }
  expect(screen.getByText((_, el) => el?.tagName === 'P' && el.textContent === `${last.code} ${last.says}. ${last.remedy}`)).toBeVisible();
});
