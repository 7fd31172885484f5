import css from './orders.module.css';

/** What the library says of an order beside its limits: how soon a dose rises again, and how long what is in the reservoir keeps. */
export function Notices({ all }: { all: readonly string[] }) {
  if (all.length === 0) return null;
  return <ul className={css.refusals} aria-label="To know before signing">{all.map((text) => <li key={text}><strong>To know:</strong> {text}.</li>)}</ul>;
}
