import { usePump } from '../app/live';
import type { useSites } from '../app/useSites';
import { serverNow } from '../units/clock';
import { freshness as judge } from '../units/freshness';
import type { Column } from './columns';
import css from './Fleet.module.css';

interface Props {
  ids: readonly string[];
  sites: ReturnType<typeof useSites>;
  columns: readonly Column[];
}

/** The fleet on paper: every row that was chosen, not only those that a screen holds, as a table whose head comes again on each sheet. */
export function FleetPaper({ ids, sites, columns }: Props) {
  return (
    <table className={css.paper} data-paper="wide">
      <caption className="sr-only">Pumps</caption>
      <thead><tr>{columns.map((c) => <th key={c.key} scope="col" data-numeric={c.numeric || undefined}>{c.title}</th>)}</tr></thead>
      <tbody>{ids.map((id) => <Row key={id} id={id} sites={sites} columns={columns} />)}</tbody>
    </table>
  );
}

function Row({ id, sites, columns }: { id: string; sites: Props['sites']; columns: readonly Column[] }) {
  const row = usePump(id);
  if (!row) return null;
  const c = { row, freshness: judge(row, serverNow()), siteShort: sites.short(row.site), siteName: sites.name(row.site) };
  return (
    <tr data-pump={id}>
      {columns.map((col) => (
        <td key={col.key} data-numeric={col.numeric || undefined}>
          <div>{col.main(c)}</div>
          <div className={css.paperSub}>{col.sub?.(c)}</div>
        </td>
      ))}
    </tr>
  );
}
