import { differs, markText, type Part } from './diff';
import css from './orders.module.css';
import { BOUND } from './rows';

/** Settings side by side: what runs, what comes, and a sign and a word where they differ. Never by colour. */
export function Sides({ parts, compared, caption, old = 'Runs now', now = 'Asked for' }: { parts: readonly Part[]; compared: boolean; caption: string; old?: string; now?: string }) {
  return (
    <table className={css.compare}>
      <caption className="sr-only">{caption}</caption>
      <thead><tr><th scope="col">Setting</th>{compared && <th scope="col">{old}</th>}<th scope="col">{now}</th>{compared && <th scope="col">Change</th>}</tr></thead>
      {parts.map((p) => (
        <tbody key={p.title}>
          <tr><th scope="rowgroup" colSpan={compared ? 4 : 2}>{p.title}</th></tr>
          {p.rows.map((r) => (
            <tr key={r.name} data-changed={differs(r) || undefined} data-same={r.mark === 'same' || undefined} data-bound={p.title === BOUND || undefined}>
              <th scope="row">{r.name}</th>
              {r.mark === null ? <td colSpan={compared ? 3 : 1} className={p.title === BOUND ? 'mono' : undefined}>{r.now}</td> : (
                <>
                  <td data-name={old}>{r.old}</td>
                  <td data-name={now} className={css.now}>{r.now}</td>
                  <td>{differs(r) ? <span className={css.mark}><span aria-hidden>◆</span>{markText(r)}</span> : <span className="label">same</span>}</td>
                </>
              )}
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  );
}
