import { render } from '@testing-library/react';
import { describe, expect, test } from 'vitest';
import { Problem } from '../api/problem';
import { codesOf, remediesFor, Why } from './Why';

const answer = (errors: object[], detail = 'Pump ME1 has no link: people program it, and no order reaches it.') =>
  Problem.from(new Response(JSON.stringify({ title: 'That is not possible now', detail, code: 'conflict', request_id: 'r1', errors }), { status: 409 }));

describe('why something was refused', () => {
  test('names the code, and what to do if the sentence does not', async () => {
    const p = await answer([{ location: 'order.S_MANUAL', message: 'x', remedy: 'People program this pump at the bedside.' }]);
    expect(render(<Why error={p} />).container.textContent).toBe('S_MANUAL That is not possible now. Pump ME1 has no link: people program it, and no order reaches it. People program this pump at the bedside.');
  });

  test('says nothing twice', async () => {
    const p = await answer([{ location: 'order.S_BLIND', message: 'x', remedy: 'Enter the key numbers from your own source first.' }], 'Enter the key numbers from your own source first. You see the proposal’s after they agree.');
    expect(remediesFor(p, p.detail!)).toEqual([]);
  });

  test('a code is no field of a form', async () => {
    const p = await answer([{ location: 'body.note', message: 'Say what you think.' }, { location: 'order.S_INPUT', message: 'Say what you think.', remedy: 'Correct what is named. Nothing was changed.' }]);
    expect(p.fields.map((f) => f.location)).toEqual(['body.note']);
    expect(codesOf(p)).toEqual(['S_INPUT']);
  });

  test('whatever else fails has no code', () => {
    expect([codesOf(new Error('x')), remediesFor(Problem.unreachable(null), '')]).toEqual([[], []]);
  });
});
