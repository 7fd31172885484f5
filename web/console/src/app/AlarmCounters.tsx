import { Link } from '@tanstack/react-router';
import type { Priority } from '../api/types';
import { priorityWord } from '../ui/Mark';
import css from './AlarmCounters.module.css';
import { useAlarmCheck, useAlarmCounts, useNotLiveSince } from './live';

const order = ['high', 'medium', 'low'] as const satisfies Priority[];
const signs = { high: '!!!', medium: '!!', low: '!' } as const;

/** Active alarms by priority, each a link to its list. Before the first answer "…", without a feed "not current", never a zero that was not checked. */
export function AlarmCounters() {
  const counts = useAlarmCounts();
  const check = useAlarmCheck();
  const stale = useNotLiveSince() !== null;
  const known = check.at !== null;
  return (
    <div className={css.counters} role="group" aria-label="Active alarms">
      {order.map((p) => (
        <Link
          key={p} to="/alarms" search={{ priority: p }} className={css.counter} data-priority={p} data-some={(known && counts[p] > 0) || undefined}
          data-waiting={counts.waiting[p] > 0 || undefined} data-stale={stale || undefined} activeProps={{ 'aria-current': undefined }}
          aria-label={known ? `${counts[p]} ${priorityWord[p].toLowerCase()} ${counts[p] === 1 ? 'alarm' : 'alarms'}${stale ? ', not current' : ''}` : `${priorityWord[p]} alarms: not read yet`}
        >
          <span className={css.sign} aria-hidden>{signs[p]}</span>
          <span className={css.number}>{known ? counts[p] : '…'}</span>
        </Link>
      ))}
      {known && stale && <span className={css.note} aria-hidden>not current</span>}
    </div>
  );
}
