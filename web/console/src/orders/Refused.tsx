import { isUnanswered, words } from '../api/problem';
import { sentence } from '../session/passkey';
import { Why } from '../ui/Why';
import css from './orders.module.css';

/** What was not done and why: the code to name it by, and words that say what to do. Without an answer nobody knows that it was not done. */
export function Refused({ what, error }: { what: string; error: unknown }) {
  return <p role="alert" className={css.note}><strong>{isUnanswered(error) ? 'Not known.' : what}</strong> <Why error={error} sentence={(e) => sentence(e, words)} /></p>;
}
