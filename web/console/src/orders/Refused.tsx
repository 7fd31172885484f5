import { Problem, words } from '../api/problem';
import { sentence } from '../session/passkey';
import css from './orders.module.css';

/** The codes of what a server or a pump refuses: docs/orders.md has each with its remedy. */
export const codesOf = (err: unknown): string[] =>
  err instanceof Problem ? [...new Set(err.fields.flatMap((f) => (f.location.startsWith('order.') ? [f.location.slice(6)] : [])))] : [];

/** What was not done and why: the code to name it by, and words that say what to do. */
export function Refused({ what, error }: { what: string; error: unknown }) {
  return <p role="alert" className={css.note}><strong>{what}</strong> {codesOf(error).map((c) => <span key={c}><code>{c}</code> </span>)}{sentence(error, words)}</p>;
}
