import type { Trend } from '../api/orders';
import { dayName, figure, given, type Of, remark, unitOf } from './deliveries';
import css from './Trend.module.css';

/** The days of a trend as a table, newest first. */
export function TrendTable({ trend: t, all }: { trend: Trend; all: readonly Of[] }) {
  return (
    <div className={css.tableBox} role="region" aria-label="Day by day, table" tabIndex={0}>
      <table>
        <caption>Newest first, in days of {t.time_zone}. A dose is what left the reservoir.</caption>
        <thead>
          <tr><th scope="col">Day</th>{all.map((of) => <th key={of.name} scope="col">{of.name} ({unitOf(of)})</th>)}<th scope="col">Boluses given</th><th scope="col">Boluses denied</th><th scope="col">Remark</th></tr>
        </thead>
        <tbody>
          {t.days.toReversed().map((d) => (
            <tr key={d.date}>
              <th scope="row">{dayName(d)}</th>
              {all.map((of) => { const v = given(d, of); return <td key={of.name}>{v === null ? '–' : figure(of, v)}</td>; })}
              <td>{d.boluses_given ?? '–'}</td>
              <td>{d.boluses_denied ?? '–'}</td>
              <td>{remark(d, t.time_zone)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
