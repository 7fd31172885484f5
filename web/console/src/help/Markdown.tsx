import { Link } from '@tanstack/react-router';
import { createElement, Fragment, type ReactNode } from 'react';
import { target } from './docs';
import css from './help.module.css';
import { type Block, parseBlocks, parseSpans, type Span } from './markdown';

/** A text is written once and never changes, so its parts need no keys. */
const each = <T,>(list: readonly T[], f: (of: T) => ReactNode) => createElement(Fragment, null, ...list.map(f));

/** A document as a page. Its first heading is the page's. */
export function Markdown({ source }: { source: string }) {
  return each(parseBlocks(source), block);
}

function block(b: Block): ReactNode {
  switch (b.t) {
    case 'heading': return createElement(`h${b.level}`, { id: b.id, className: b.level === 1 ? 'h1' : 'h2' }, text(b.text));
    case 'text': return <p>{text(b.text)}</p>;
    case 'list': return createElement(b.ordered ? 'ol' : 'ul', { className: css.items }, each(b.items, (x) => <li>{text(x)}</li>));
    // What is wider than the page scrolls by itself, by keyboard too. A group and no region: a page may have two of one name, and landmarks have one each.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    case 'code': return <pre className={css.code} tabIndex={0} role="group" aria-label="Example"><code>{b.text}</code></pre>;
    case 'table': return (
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      <div className={css.wide} tabIndex={0} role="group" aria-label={`Table: ${b.head.filter(Boolean).join(', ')}`}>
        <table className={css.table}>
          <thead><tr>{each(b.head, (h) => <th scope="col">{h === '' ? <span className="sr-only">Which</span> : text(h)}</th>)}</tr></thead>
          <tbody>{each(b.rows, (r) => <tr>{each(r, (c) => <td>{text(c)}</td>)}</tr>)}</tbody>
        </table>
      </div>
    );
  }
}

const text = (line: string) => each(parseSpans(line), span);

function span(s: Span): ReactNode {
  switch (s.t) {
    case 'code': return <code className={css.word}>{s.text}</code>;
    case 'strong': return <strong>{s.text}</strong>;
    case 'em': return <em>{s.text}</em>;
    case 'link': return link(s.text, s.to);
    default: return s.text;
  }
}

function link(words: string, to: string): ReactNode {
  const where = target(to);
  if (!where) return words;
  if ('href' in where) return <a className="link" href={where.href} target="_blank" rel="noreferrer">{words}</a>;
  if ('doc' in where) return <Link className="link" to="/help/$doc" params={{ doc: where.doc }} search={{}} {...(where.hash ? { hash: where.hash } : {})}>{words}</Link>;
  return <a className="link" href={`#${where.hash}`}>{words}</a>;
}
