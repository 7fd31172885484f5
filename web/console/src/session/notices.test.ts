import { expect, test } from 'vitest';
import { newsOf, type Notice } from './notices';

const notice = (id: string, part: Partial<Notice> = {}): Notice => ({ id, at: '2026-03-01T12:00:00.000Z', kind: 'key_added', words: 'A key was added.', seen: true, code: null, ...part });

test('nothing new', () => expect(newsOf([notice('1')])).toEqual({ unseen: 0, code: null }));
test('what was not seen is counted; a code that can be objected to stands out although it was seen', () => {
  const code = notice('2', { kind: 'code_recover', code: '7' });
  expect(newsOf([notice('3', { seen: false }), code, notice('1', { code: '6' })])).toEqual({ unseen: 1, code });
});
