import type { OrderWeek } from '../api/reports';
import css from './reports.module.css';
import { stepsOf, stepText } from './steps';

/** Weeks as bars, oldest first: outlined is what was proposed, filled what of it kept to every soft limit and step; behind each stands what it says. */
export function Steps({ weeks }: { weeks: readonly OrderWeek[] }) {
  const all = stepsOf(weeks);
  return (
    <figure className={css.steps} aria-labelledby="steps-h">
      <figcaption id="steps-h" className="label">All sites shown, by week: outlined is what was proposed, filled what of it kept to the library.</figcaption>
      <ol>
        {all.map((s) => (
          <li key={s.monday} data-passed={s.limits + s.steps > 0 || undefined}>
            <span className={css.week}>{s.monday}</span>
            <svg className={css.bar} viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden focusable="false">
              {s.proposed > 0 && <rect className={css.proposed} x="0" y="1" width={Math.max(s.width, 4)} height="10" />}
              {s.within > 0 && <rect className={css.within} x="0" y="1" width={Math.max(s.kept, 4)} height="10" />}
            </svg>
            <span>{s.limits + s.steps > 0 && <><span aria-hidden>◆</span> </>}{stepText(s)}</span>
          </li>
        ))}
      </ol>
    </figure>
  );
}
