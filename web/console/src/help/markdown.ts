/**
 * The little of Markdown that the documents of this repository use, as blocks: headings, paragraphs, lists, tables and code.
 * What they become on the page is React's text, never HTML: a document can do nothing but be read.
 */
export type Block =
  | { readonly t: 'heading'; readonly level: number; readonly text: string; readonly id: string }
  | { readonly t: 'text'; readonly text: string }
  | { readonly t: 'list'; readonly ordered: boolean; readonly items: readonly string[] }
  | { readonly t: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  | { readonly t: 'code'; readonly text: string };

export type Span = { readonly t: 'text' | 'code' | 'strong' | 'em'; readonly text: string } | { readonly t: 'link'; readonly text: string; readonly to: string };

/** The name of a heading in an address: "Keys and people" is "keys-and-people". */
export const slug = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9 -]/g, '').trim().replaceAll(' ', '-');

/** Cells of a row of a table; a bar inside code or behind a backslash is no border. */
function cells(line: string): string[] {
  const out: string[] = [''];
  let code = false;
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  for (let i = 0; i < inner.length; i++) {
    const c = inner[i]!;
    if (c === '\\' && inner[i + 1] === '|') {
      out[out.length - 1] += '|';
      i++;
    } else if (c === '|' && !code) out.push('');
    else {
      if (c === '`') code = !code;
      out[out.length - 1] += c;
    }
  }
  return out.map((s) => s.trim());
}

const item = /^(?:[-*]|(\d+)\.)\s+(.*)$/;

const picture = /^!\[[^\]]*\]\([^)\s]*\)$/;

export function parseBlocks(source: string): Block[] {
  const lines = source.replaceAll('\r', '').split('\n');
  const out: Block[] = [];
  for (let i = 0; i < lines.length;) {
    const line = lines[i]!;
    const heading = /^(#{1,4})\s+(.*)$/.exec(line);
    // A picture of the console is not shown in the console.
    if (line.trim() === '' || picture.test(line)) i++;
    else if (heading) {
      out.push({ t: 'heading', level: heading[1]!.length, text: heading[2]!, id: slug(heading[2]!) });
      i++;
    } else if (line.startsWith('```')) {
      const end = lines.indexOf('```', i + 1);
      const to = end < 0 ? lines.length : end;
      out.push({ t: 'code', text: lines.slice(i + 1, to).join('\n') });
      i = to + 1;
    } else if (line.startsWith('    ')) {
      const from = i;
      while (i < lines.length && (lines[i]!.startsWith('    ') || lines[i]!.trim() === '')) i++;
      out.push({ t: 'code', text: lines.slice(from, i).map((l) => l.slice(4)).join('\n').trimEnd() });
    } else if (line.startsWith('|') && /^\|[\s|:-]+$/.test(lines[i + 1] ?? '')) {
      const rows: string[][] = [];
      const head = cells(line);
      for (i += 2; i < lines.length && lines[i]!.startsWith('|'); i++) rows.push(cells(lines[i]!));
      out.push({ t: 'table', head, rows });
    } else if (item.test(line)) {
      const ordered = item.exec(line)![1] !== undefined;
      const items: string[] = [];
      for (; i < lines.length && lines[i]!.trim() !== ''; i++) {
        const next = item.exec(lines[i]!);
        if (next) items.push(next[2]!);
        else items[items.length - 1] += ` ${lines[i]!.trim()}`;
      }
      out.push({ t: 'list', ordered, items });
    } else {
      const from = i;
      while (i < lines.length && lines[i]!.trim() !== '' && !/^(#{1,4}\s|```|\|)/.test(lines[i]!) && (i === from || !item.test(lines[i]!))) i++;
      out.push({ t: 'text', text: lines.slice(from, i).map((l) => l.trim()).join(' ') });
    }
  }
  return out;
}

const marks = /(`+)(.+?)\1(?!`)|\[([^\]]+)\]\(([^)\s]+)\)|\*\*(.+?)\*\*|(?<![\w*])\*([^*\s][^*]*?)\*(?![\w*])/;

/** A line of text as its parts. */
export function parseSpans(text: string): Span[] {
  const out: Span[] = [];
  let rest = text;
  for (let m = marks.exec(rest); m; m = marks.exec(rest)) {
    if (m.index > 0) out.push({ t: 'text', text: rest.slice(0, m.index) });
    if (m[2] !== undefined) out.push({ t: 'code', text: m[2].trim() });
    else if (m[3] !== undefined) out.push({ t: 'link', text: m[3], to: m[4]! });
    else if (m[5] !== undefined) out.push({ t: 'strong', text: m[5] });
    else out.push({ t: 'em', text: m[6]! });
    rest = rest.slice(m.index + m[0].length);
  }
  if (rest !== '') out.push({ t: 'text', text: rest });
  return out;
}
