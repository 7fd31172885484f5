import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { contrast, dark, light, type Palette, variables } from './tokens';

const text: (readonly [keyof Palette, readonly (keyof Palette)[]])[] = [
  ['ink', ['paper', 'sheet', 'wash', 'accentWash', 'fluid']],
  ['ink2', ['paper', 'sheet', 'wash', 'accentWash']],
  ['accent', ['paper', 'sheet', 'accentWash']],
  ['paper', ['ink']],
  ['onAccent', ['accent']],
  ['onHigh', ['high']],
  ['onMedium', ['medium']],
  ['onLow', ['low']],
];

/** Marks, borders of controls and the edges that set an alarm off from the page. */
const marks: (readonly [keyof Palette, readonly (keyof Palette)[]])[] = [
  ['mark', ['paper', 'sheet', 'wash']],
  ['highEdge', ['paper', 'sheet']],
  ['mediumEdge', ['paper', 'sheet']],
  ['lowEdge', ['paper', 'sheet']],
  ['fluidEdge', ['paper', 'fluid']],
  ['accent', ['paper', 'sheet', 'wash']],
];

describe.each([['light', light], ['dark', dark]] as const)('%s', (_, p) => {
  test.each(text.flatMap(([a, bs]) => bs.map((b) => [a, b] as const)))('text %s on %s is at least 4.5:1', (a, b) => expect(contrast(p[a], p[b])).toBeGreaterThanOrEqual(4.5));
  test.each(marks.flatMap(([a, bs]) => bs.map((b) => [a, b] as const)))('mark %s on %s is at least 3:1', (a, b) => expect(contrast(p[a], p[b])).toBeGreaterThanOrEqual(3));
});

test('contrast of the extremes', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
  expect(contrast('#777777', '#777777')).toBe(1);
});

test('the colours that paint before the script are those of the tokens', () => {
  const base = readFileSync('src/theme/base.css', 'utf8');
  expect(base).toContain(`background: ${light.paper}; color-scheme: light`.replace('; color', ';\n  color'));
  expect(base).toContain(`[data-mantine-color-scheme='dark'] { background: ${dark.paper}; color-scheme: dark; }`);
});

test('every token is a custom property', () => {
  expect(variables(light)['--c-ink-2']).toBe(light.ink2);
  expect(variables(light)['--c-on-accent']).toBe(light.onAccent);
  expect(Object.keys(variables(dark))).toHaveLength(Object.keys(dark).length);
});
