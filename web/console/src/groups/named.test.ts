import { expect, test } from 'vitest';
import { named } from './named';

test.each([
  ['group:ICU', 'ICU', true],
  ['group:icu battery<30%', 'ICU', true],
  ['presence:online (group:a,"Ward round Tuesday" OR tag:x)', 'ward round tuesday', true],
  ['group!="a \\"b\\", c"', 'a "b", c', true],
  ['NOT group:none', 'none', false],
  ['group:"none"', 'none', true],
  ['"group:ICU"', 'ICU', false],
  ['mygroup:ICU', 'ICU', false],
  ['group:ICU2', 'ICU', false],
  ['', 'ICU', false],
])('%s asks for %s: %s', (filter, group, asked) => expect(named(filter, group)).toBe(asked));
