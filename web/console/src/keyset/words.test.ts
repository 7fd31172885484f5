import { describe, expect, it } from 'vitest';
import type { Keyset } from '../api/orders';
import { daysText, keyChanges, policyText, stageOf } from './words';

const DAY = 86_400;
const base: Keyset['keyset'] = { v: 1, version: 4, issued: 0, expires: 90 * DAY, origin: 'https://a', keys: [{ person: 'anna', key: 'es256:a', roles: ['prescriber'], not_before: 0, not_after: 1, software: false, rp_id: 'a', sites: ['01'] }] };

describe('keysets', () => {
  it('warns at 45, 21 and 7 days', () => {
    expect([46, 45, 21, 7, 0].map((d) => stageOf(d * DAY, 0))).toEqual(['fresh', 'notice', 'urgent', 'grave', 'grave']);
    expect([daysText(2 * DAY - 1, 0), daysText(10 * DAY, 0), daysText(0, 0)]).toEqual(['1 day left', '10 days left', 'over']);
  });
  it('says what the next one changes', () => {
    const next = { ...base, keys: [{ ...base.keys[0]!, roles: ['verifier'] }, { ...base.keys[0]!, person: 'ben', key: 'es256:b' }] };
    expect(keyChanges(base, next).map((c) => [c.person, c.kind])).toEqual([['anna', 'changed'], ['ben', 'added']]);
    expect(keyChanges(next, base).map((c) => [c.person, c.kind])).toEqual([['anna', 'changed'], ['ben', 'removed']]);
    expect(keyChanges(base, base)).toEqual([]);
    expect(keyChanges(base, { ...base, origin: 'https://b' })[0]?.what).toContain('https://b');
  });
  it('puts a policy in words', () => {
    expect(policyText({ class: 2, people: 2, meanings: ['prescribe'] })).toBe('two people; one signs “I prescribe this”');
  });

  it('tells what one key may at one site and at another', () => {
    const anna = base.keys[0]!;
    const next = { ...base, keys: [anna, { ...anna, roles: ['verifier'], sites: ['02'] }] };
    expect(keyChanges(base, next)).toEqual([{ person: 'anna', key: 'es256:a', what: 'may prescribe; elsewhere verify, before: prescribe', kind: 'changed' }]);
    expect(keyChanges(next, next)).toEqual([]);
    expect(keyChanges(next, { ...base, keys: [] })).toHaveLength(1);
  });
});
