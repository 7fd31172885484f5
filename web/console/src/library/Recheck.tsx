import { Link } from '@tanstack/react-router';
import type { LibraryVersion } from '../api/library';
import { useSites } from '../app/useSites';
import { Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { useCheck } from './queries';

/** Which running programs a version does not allow as they are. None is stopped for it: people look at each. */
export function Recheck({ of: v }: { of: LibraryVersion }) {
  const sites = useSites();
  const q = useCheck(v);
  const r = q.data;
  return (
    <section aria-labelledby="recheck" className={css.section}>
      <h2 id="recheck" className="h2">Running programs</h2>
      <p className={css.muted}>What the pumps of your sites run, compared with this version. No program is stopped by a library: each of these needs somebody who looks at it.</p>
      {q.isPending && <><Loading what="the comparison with running programs" /><Ghost width="100%" height={96} /></>}
      {q.isError && !r && <Trouble what="The comparison with running programs" error={q.error} retry={() => void q.refetch()} />}
      {r && <p role="status">{r.checked === 0 && r.items.length === 0 ? 'No pump of your sites has said what it runs.' : r.items.length === 0 ? `All ${r.checked} running programs are within this version.` : <><strong>{r.items.length} of {r.checked} running programs would be out of limits.</strong></>}{r.skipped.length > 0 && ` ${r.skipped.length} could not be compared.`}</p>}
      {r && r.items.length + r.skipped.length > 0 && (
        <div className={css.wrap}>
          <table className={`${css.table} ${css.cards}`}>
            <caption className="sr-only">Programs that are out of limits or could not be compared</caption>
            <thead><tr><th scope="col">Pump</th><th scope="col">Site</th><th scope="col">Why</th><th scope="col">What to do</th></tr></thead>
            <tbody>
              {r.items.map((x) => (
                <tr key={x.pump}>
                  <td data-name="Pump"><Link className="link mono" to="/pumps/$id" params={{ id: x.pump }} search={{ tab: 'therapy' }}>{x.serial}</Link></td>
                  <td data-name="Site">{sites.short(x.site)}</td>
                  <td data-name="Why"><span><code>{x.code}</code> {x.detail}</span></td>
                  <td data-name="What to do">{x.remedy}</td>
                </tr>
              ))}
              {r.skipped.map((x) => (
                <tr key={x.pump}>
                  <td data-name="Pump"><Link className="link mono" to="/pumps/$id" params={{ id: x.pump }} search={{}}>{x.serial}</Link></td>
                  <td data-name="Site">{sites.short(x.site)}</td>
                  <td data-name="Why"><span><strong>Not compared.</strong> {x.why}</span></td>
                  <td data-name="What to do">Compare it by hand.</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
