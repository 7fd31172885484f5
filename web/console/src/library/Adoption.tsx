import { useQuery } from '@tanstack/react-query';
import { libraries, type LibraryPump, type LibraryVersion } from '../api/library';
import { Ghost, Loading, Trouble } from '../ui/states';
import table from '../ui/Table.module.css';
import { parseTime, shortDay } from '../units/time';
import css from './library.module.css';

const W = 600;
const H = 100;

/** How many pumps had taken a version, day by day, as a stair and as a table. */
export function Adoption({ version: v, pumps }: { version: LibraryVersion; pumps: readonly LibraryPump[] }) {
  const q = useQuery({ queryKey: ['libraries', 'adoption', v.version], queryFn: () => libraries.adoption(v.version), refetchInterval: 30_000 });
  const have = pumps.filter((p) => p.version === v.version).length;
  const total = pumps.length;
  const percent = total === 0 ? 0 : Math.floor((have * 100) / total);
  const days = q.data ?? [];
  const start = parseTime(v.active_at) ?? parseTime(days[0]?.day) ?? 0;
  const end = Math.max(q.dataUpdatedAt, start + 86_400_000);
  const x = (t: number) => (W * Math.max(0, t - start)) / (end - start);
  const y = (n: number) => H - (H * Math.min(n, total)) / Math.max(1, total);
  let line = `M0 ${H}`;
  for (const d of days) line += `H${x(parseTime(d.day) ?? start).toFixed(1)}V${y(d.pumps).toFixed(1)}`;
  line += `H${W}`;
  return (
    <figure>
      <figcaption><strong>{have} of {total} pumps</strong> have version {v.version}, {percent} %. <span className="label">{have === total ? 'All that are connected by a link.' : 'The others judge by the version that they hold until they are heard again.'}</span></figcaption>
      {q.isPending && <><Loading what="the adoption curve" /><Ghost width="100%" height={120} /></>}
      {q.isError && !q.data && <Trouble what="The adoption curve" error={q.error} retry={() => void q.refetch()} />}
      {days.length > 0 && (
        <>
          <svg className={css.curve} viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label={`Pumps with version ${v.version} by day; ${have} of ${total} now`}>
            <line x1="0" x2={W} y1="0" y2="0" /><line x1="0" x2={W} y1={H} y2={H} />
            <path className={css.fill} d={`${line}V${H}Z`} /><path d={line} />
          </svg>
          <div className={css.axis}><span className="label">{shortDay(start)}</span><span className="label">top line: all {total} pumps</span><span className="label">today</span></div>
          <details className={table.details}>
            <summary>The curve as a table</summary>
            <table className={table.table}>
              <caption className="sr-only">Pumps that had taken version {v.version}</caption>
              <thead><tr><th scope="col">Day</th><th scope="col" className={table.num}>Pumps</th></tr></thead>
              <tbody>{days.map((d) => <tr key={d.day}><td>{d.day.slice(0, 10)}</td><td className={table.num}>{d.pumps}</td></tr>)}</tbody>
            </table>
          </details>
        </>
      )}
    </figure>
  );
}
