import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docs, target } from './docs';
import { parseBlocks, parseSpans } from './markdown';

describe('blocks', () => {
  test('headings, text over lines, lists with continued items', () => {
    expect(parseBlocks('# A *b*\n\none\ntwo\n\n- x\n  more\n- y\n\n1. p\n2. q\n')).toEqual([
      { t: 'heading', level: 1, text: 'A *b*', id: 'a-b' }, { t: 'text', text: 'one two' }, { t: 'list', ordered: false, items: ['x more', 'y'] }, { t: 'list', ordered: true, items: ['p', 'q'] },
    ]);
  });
  test('code by fence and by indent keeps its blanks', () => {
    expect(parseBlocks('```sh\na\n\n b\n```\n\n    c\n      d\n\n    e\n\nf')).toEqual([{ t: 'code', text: 'a\n\n b' }, { t: 'code', text: 'c\n  d\n\ne' }, { t: 'text', text: 'f' }]);
  });
  test('a table; bars in code and behind a backslash are no borders', () => {
    expect(parseBlocks('| a | b |\n|---|:-:|\n| `x|y` | p\\|q |\n')).toEqual([{ t: 'table', head: ['a', 'b'], rows: [['`x|y`', 'p|q']] }]);
  });
  test('a picture is left out, and what surrounds it is not', () => expect(parseBlocks('a\n\n![The fleet](img/fleet.png)\n\nb')).toEqual([{ t: 'text', text: 'a' }, { t: 'text', text: 'b' }]));
  test('markup of HTML stays text', () => expect(parseBlocks('<script>x</script>')).toEqual([{ t: 'text', text: '<script>x</script>' }]));
});

test('spans', () => {
  expect(parseSpans('a `b*c*` [d](e.md) **f** *g* 2*3*4')).toEqual([
    { t: 'text', text: 'a ' }, { t: 'code', text: 'b*c*' }, { t: 'text', text: ' ' }, { t: 'link', text: 'd', to: 'e.md' }, { t: 'text', text: ' ' }, { t: 'strong', text: 'f' }, { t: 'text', text: ' ' }, { t: 'em', text: 'g' }, { t: 'text', text: ' 2*3*4' },
  ]);
});

test('links', () => {
  expect(target('security.md#keys')).toEqual({ doc: 'security', hash: 'keys' });
  expect(target('#here')).toEqual({ hash: 'here' });
  expect(target('https://example.org/x')).toEqual({ href: 'https://example.org/x' });
  for (const bad of ['adr/0001-own-mqtt-endpoint.md', 'javascript:alert(1)', '../cmd', 'contributing.md', '//evil.test']) expect(target(bad)).toBeNull();
});

describe('the documents of the repository', () => {
  const folder = join(process.cwd(), '../../docs');
  test('every one that is for people who work with the product is offered', () => {
    const there = readdirSync(folder).filter((f) => f.endsWith('.md')).map((f) => f.replace('.md', ''));
    expect(docs.map((d) => d.name).toSorted()).toEqual(there.filter((n) => n !== 'contributing' && n !== 'console').toSorted());
  });
  test.each(docs.map((d) => d.name))('%s begins with its title, and all of its text is read', (name) => {
    const source = readFileSync(join(folder, `${name}.md`), 'utf8');
    const blocks = parseBlocks(source);
    expect(blocks[0]).toMatchObject({ t: 'heading', level: 1 });
    expect(blocks.filter((b) => b.t === 'heading' && b.level === 1)).toHaveLength(1);
    // Nothing that is said gets lost: every word of the source is in some block.
    const all = JSON.stringify(blocks);
    const lost = source.replaceAll(/^!\[.*\)$/gm, '').replaceAll(/[|#`*"\\]/g, ' ').split(/\s+/).filter((w) => /^[A-Za-z]{4,}$/.test(w) && !all.includes(w));
    expect(lost).toEqual([]);
  });
});
