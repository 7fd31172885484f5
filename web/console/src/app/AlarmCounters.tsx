import { Link } from '@tanstack/react-router';
import type { Priority } from '../api/types';
import { priorityWord } from '../ui/Mark';
import css from './AlarmCounters.module.css';
import { useAlarmCheck, useAlarmCounts, useNotLiveSince } from './live';

const order = ['high', 'medium', 'low'] as const satisfies Priority[];
const signs = { high: '!!!', medium: '!!', low: '!' } as const;

/** Active alarms by priority. Before the first answer "…", without a feed "not current", never a zero that was not checked. */
export function AlarmCounters() {
  const counts = useAlarmCounts();
  const check = useAlarmCheck();
  const stale = useNotLiveSince() !== null;
  const known = check.at !== null;
  return (
    <Link to="/alarms" search={{}} className={css.counters}>
      <span className="sr-only">{known ? 'Active alarms: ' : 'Alarms: not read yet '}</span>
      {order.map((p, i) => (
        <span key={p} className={css.counter} data-priority={p} data-some={(known && counts[p] > 0) || undefined} data-waiting={counts.waiting[p] > 0 || undefined} data-stale={stale || undefined}>
          <span className={css.sign} aria-hidden>{signs[p]}</span>
          <span className={css.number}>{known ? counts[p] : '…'}</span>
          {known && <span className="sr-only"> {priorityWord[p].toLowerCase()}{i < 2 || stale ? ', ' : ''}</span>}
        </span>
      ))}
      {known && stale && <span className={css.note}>not current</span>}
    </Link>
  );
}
