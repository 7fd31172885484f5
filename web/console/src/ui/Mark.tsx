import type { Presence, Priority, RunState } from '../api/types';
import css from './Mark.module.css';

const signs: Record<Priority, string> = { high: '!!!', medium: '!!', low: '!', info: 'i' };
export const priorityWord: Record<Priority, string> = { high: 'High', medium: 'Medium', low: 'Low', info: 'Info' };

/** The mark of an alarm priority: colour, sign and word together, never one alone. */
export function AlarmMark({ priority, text, quiet = false }: { priority: Priority; text?: string; quiet?: boolean }) {
  return (
    <span className={css.alarm} data-priority={priority} data-quiet={quiet || undefined} data-bare={text === '' || undefined}>
      <span className={css.sign} aria-hidden>{signs[priority]}</span>
      {text !== '' && <span>{text ?? priorityWord[priority]}</span>}
    </span>
  );
}

export const presenceWord: Record<Presence, string> = {
  online: 'Online', stale: 'Stale', offline: 'Offline', never: 'Never seen', unknown: 'Unknown',
};

export const presenceMeaning: Record<Presence, string> = {
  online: 'Heard within the time that its profile allows.',
  stale: 'Connected, but silent for longer than its profile allows.',
  offline: 'Not connected. For an implant, hours of silence can be normal.',
  never: 'Registered and never heard from.',
  unknown: 'Our own link is down; the pump may well be fine.',
};

/** A figure for each presence: full, half, hollow, dashed, struck. Ink only; colour belongs to alarms. */
export function PresenceMark({ presence }: { presence: Presence }) {
  return (
    <svg className={css.presence} viewBox="0 0 12 12" width="12" height="12" aria-hidden focusable="false">
      {presence === 'online' && <circle cx="6" cy="6" r="4.5" fill="currentColor" />}
      {presence === 'stale' && <><circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" /><path d="M6 1.75a4.25 4.25 0 0 0 0 8.5z" fill="currentColor" /></>}
      {presence === 'offline' && <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" />}
      {presence === 'never' && <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2 1.6" />}
      {presence === 'unknown' && <><circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" /><path d="M3 9 9 3" stroke="currentColor" strokeWidth="1.5" /></>}
    </svg>
  );
}

export const runWord: Record<RunState, string> = {
  infusing: 'Infusing', minimum: 'Minimum rate', stopped: 'Stopped', bolus: 'Bolus', priming: 'Priming', bridge: 'Bridge bolus',
};

export const runMeaning: Record<RunState, string> = {
  infusing: 'Running its program.',
  minimum: 'Only enough to keep the tubing moving; near-zero therapy.',
  stopped: 'Delivers nothing. Abrupt stop can harm the patient.',
  bolus: 'A bolus is running.',
  priming: 'The path to the catheter tip is being filled.',
  bridge: 'The old drug in the path is still being delivered at the bridge rate.',
};

/** How a pump runs. Stopping is a harm, so it stands out in reversed ink. */
export function RunMark({ run, old = false }: { run: RunState | null; old?: boolean }) {
  if (run === null) return <span className={css.run} data-run="none">Not known</span>;
  return (
    <span className={css.run} data-run={run} data-old={old || undefined}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden focusable="false">
        {run === 'infusing' && <path d="M6 1.2C6 1.2 2.6 5 2.6 7.4a3.4 3.4 0 0 0 6.8 0C9.4 5 6 1.2 6 1.2z" fill="currentColor" />}
        {run === 'minimum' && <path d="M6 1.8C6 1.8 3.1 5.2 3.1 7.4a2.9 2.9 0 0 0 5.8 0C8.9 5.2 6 1.8 6 1.8z" fill="none" stroke="currentColor" strokeWidth="1.4" />}
        {run === 'stopped' && <rect x="2" y="2" width="8" height="8" fill="currentColor" />}
        {run === 'bolus' && <path d="M1 10h3V3h4v7h3" fill="none" stroke="currentColor" strokeWidth="1.5" />}
        {run === 'priming' && <path d="M2 2.5 6 6 2 9.5M6 2.5 10 6 6 9.5" fill="none" stroke="currentColor" strokeWidth="1.5" />}
        {run === 'bridge' && <path d="M1 9.5h10M2.5 9.5a3.5 3.5 0 0 1 7 0" fill="none" stroke="currentColor" strokeWidth="1.5" />}
      </svg>
      {runWord[run]}
      {old && <span className="sr-only"> not current</span>}
    </span>
  );
}
