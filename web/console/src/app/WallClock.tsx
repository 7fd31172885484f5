import { useClock } from '../units/clock';
import { clock, zone } from '../units/time';
import css from './Frame.module.css';

/** The server's time in this browser's zone. */
export function WallClock() {
  const text = useClock(clock);
  return <span className={css.clock}>{text} <span className="label">{zone()}</span></span>;
}
