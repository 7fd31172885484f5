import type { PumpRow } from '../api/types';
import { AlarmMark } from '../ui/Mark';
import css from './TopAlarm.module.css';

/** The alarm of a pump that matters most, and how many more there are. */
export function TopAlarm({ row }: { row: PumpRow }) {
  const top = row.top_alarm;
  const priority = top?.priority ?? (row.alarms.high > 0 ? 'high' : row.alarms.medium > 0 ? 'medium' : row.alarms.low > 0 ? 'low' : null);
  if (priority === null) return <span className="label">none</span>;
  return <span className={css.top}><AlarmMark priority={priority} /><span className={css.topText} title={top?.title}>{top?.title}</span></span>;
}

export function moreAlarms(row: PumpRow): string {
  const all = row.alarms.high + row.alarms.medium + row.alarms.low;
  return all > 1 ? `and ${all - 1} more` : '';
}
