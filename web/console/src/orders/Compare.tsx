import type { LibraryContent, Prescription, Therapy } from '../api/orders';
import css from './orders.module.css';
import { BOUND, partsOf, type Row } from './rows';

const changed = (r: Row) => r.old !== null && r.old !== r.now;

/** All settings, old and new side by side. What changes is marked by a sign and a word, never by colour. */
export function Compare({ document, therapy, lib, patient }: { document: Prescription; therapy: Therapy | null; lib: LibraryContent | null; patient?: string }) {
  const parts = partsOf(document, therapy, lib, patient);
  const count = parts.reduce((k, p) => k + p.rows.filter(changed).length, 0);
  return (
    <div>
      {therapy && <p className="label">{count === 0 ? 'Nothing differs from what runs.' : `${count} ${count === 1 ? 'setting changes' : 'settings change'}, marked ◆.`}</p>}
      <table className={css.compare}>
        <caption className="sr-only">All settings of the order{therapy ? ', beside what the pump runs now' : ''}</caption>
        <thead><tr><th scope="col">Setting</th>{therapy && <th scope="col">Runs now</th>}<th scope="col">Asked for</th>{therapy && <th scope="col">Change</th>}</tr></thead>
        {parts.map((p) => (
          <tbody key={p.title}>
            <tr><th scope="rowgroup" colSpan={therapy ? 4 : 2}>{p.title}</th></tr>
            {p.rows.map((r) => (
              <tr key={r.name} data-changed={changed(r) || undefined} data-bound={p.title === BOUND || undefined}>
                <th scope="row">{r.name}</th>
                {r.old === null ? <td colSpan={therapy ? 3 : 1} className={p.title === BOUND ? 'mono' : undefined}>{r.now}</td> : (
                  <>
                    <td data-name="Runs now">{r.old}</td>
                    <td data-name="Asked for" className={css.now}>{r.now}</td>
                    <td>{changed(r) ? <span className={css.mark}><span aria-hidden>◆</span>changed{r.change ? ` ${r.change}` : ''}</span> : <span className="label">same</span>}</td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}
