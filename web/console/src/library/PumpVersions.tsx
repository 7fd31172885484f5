import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { LibraryPump } from '../api/library';
import { useSites } from '../app/useSites';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';

/** Which version each pump says it has, those that lack the current one first. */
export function PumpVersions({ all, current }: { all: readonly LibraryPump[]; current: string }) {
  const sites = useSites();
  const behind = all.filter((p) => p.version !== current);
  const [every, setEvery] = useState(false);
  const shown = every ? [...behind, ...all.filter((p) => p.version === current)] : behind;
  return (
    <>
      <fieldset className={css.switch} data-screen>
        <legend className="sr-only">Which pumps</legend>
        <button type="button" aria-pressed={!every} onClick={() => setEvery(false)}>Without version {current} ({behind.length})</button>
        <button type="button" aria-pressed={every} onClick={() => setEvery(true)}>All ({all.length})</button>
      </fieldset>
      {shown.length === 0 ? <p className={css.muted}>{all.length === 0 ? 'No pump of your sites is connected by a link.' : 'Every pump has it.'}</p> : (
        <div className={css.wrap}>
          <table className={`${css.table} ${css.cards}`}>
            <caption className="sr-only">Library version by pump</caption>
            <thead><tr><th scope="col">Pump</th><th scope="col">Site</th><th scope="col">Has</th><th scope="col">Since</th></tr></thead>
            <tbody>
              {shown.map((p) => (
                <tr key={p.pump}>
                  <td data-name="Pump"><Link className="link mono" to="/pumps/$id" params={{ id: p.pump }} search={{}}>{p.serial}</Link></td>
                  <td data-name="Site">{sites.short(p.site)}</td>
                  <td data-name="Has">{p.version ? <span>version {p.version}{p.version !== current && <> <span className={css.tag} data-strong>not current</span></>}</span> : p.hash ? <span>one that is not known here <code>{p.hash.slice(0, 12)}</code></span> : <span className="label">has not said</span>}</td>
                  <td data-name="Since" className={css.fixed}><Stamp at={p.since} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
