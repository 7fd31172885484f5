import type { Part } from '../api/types';
import css from './status.module.css';

export const stateWord: Record<Part['state'], string> = { ok: 'Works', degraded: 'Degraded', down: 'Down' };

/** A state as a figure and a word: full circle, half, cross. Ink only; colour belongs to alarms. */
export function StateMark({ state, quiet = false }: { state: Part['state']; quiet?: boolean }) {
  return (
    <span className={css.mark} data-state={state}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden focusable="false">
        {state === 'ok' && <path d="M2 6.4 4.8 9.2 10 3.2" fill="none" stroke="currentColor" strokeWidth="1.6" />}
        {state === 'degraded' && <><circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" /><path d="M6 1.75a4.25 4.25 0 0 0 0 8.5z" fill="currentColor" /></>}
        {state === 'down' && <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" fill="none" stroke="currentColor" strokeWidth="1.8" />}
      </svg>
      <span className={quiet && state === 'ok' ? 'sr-only' : undefined}>{stateWord[state]}</span>
    </span>
  );
}
