import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import { me, openConsole } from '../testing-app';
import { backwards } from './search';

const auditor = { ...me, roles: [{ site: '1', site_name: 'Lakeside', role: 'auditor' as const }] };
const words = 'This is not after From: no entry can be between them.';
const open = (from: string, to: string) => openConsole(`/record?from=${from}&to=${to}`, { me: auditor, answers: { 'GET /audit': 'hang' } });

test('times that are the wrong way round say so, beside the field', async () => {
  open('2026-03-02T10:00:00.000Z', '2026-03-01T10:00:00.000Z');
  expect(await screen.findByLabelText('To')).toHaveAccessibleDescription(words);
});

test('times that are right say nothing', async () => {
  open('2026-03-01T10:00:00.000Z', '2026-03-02T10:00:00.000Z');
  expect(await screen.findByLabelText('To')).not.toHaveAccessibleDescription();
  expect(screen.queryByText(words)).not.toBeInTheDocument();
});

test('one time alone is never the wrong way round; the same time twice is', () => {
  const at = '2026-03-01T10:00:00.000Z';
  expect(backwards({ from: at })).toBe(false);
  expect(backwards({ to: at })).toBe(false);
  expect(backwards({ from: at, to: at })).toBe(true);
});
