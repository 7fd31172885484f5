import { useState } from 'react';
import type { LibraryVersion } from '../api/library';
import { Choice } from '../ui/Field';
import { Ghost, Loading, Trouble } from '../ui/states';
import table from '../ui/Table.module.css';
import { diffLibraries, type Change } from './diff';
import css from './library.module.css';
import { useVersions } from './queries';
import { stateWord } from './words';

const kindOf = (c: Change): 'added' | 'removed' | 'changed' => (c.old === null ? 'added' : c.now === null ? 'removed' : 'changed');
const sign = { added: '＋', removed: '−', changed: '◆' };

/** What a version says differently from another one, told by sign and word. */
export function Diff({ of: v }: { of: LibraryVersion }) {
  const list = useVersions();
  const others = (list.data ?? []).filter((o) => o.version !== v.version && o.state !== 'rejected');
  const older = (o: LibraryVersion) => Number(o.version) < Number(v.version);
  const first = others.find((o) => o.state === 'active' && older(o)) ?? others.find(older) ?? others[0];
  const [picked, setPicked] = useState<string | null>(null);
  const from = others.find((o) => o.version === picked) ?? first;
  return (
    <section aria-labelledby="diff" className={table.section}>
      <div className={table.head}>
        <h2 id="diff" className="h2">What differs</h2>
        {from && <div data-screen><Choice label="Compared with" value={from.version} onChoose={setPicked} data={others.map((o) => ({ value: o.version, label: `Version ${o.version}, ${stateWord[o.state].toLowerCase()}` }))} /></div>}
      </div>
      {list.isPending && <><Loading what="the other versions" /><Ghost width="100%" height={96} /></>}
      {list.isError && !list.data && <Trouble what="The other versions" error={list.error} retry={() => void list.refetch()} />}
      {list.data && !from && <p className={table.muted}>There is no other version to compare it with.</p>}
      {from && <Changes all={diffLibraries(from, v)} from={from} to={v} />}
    </section>
  );
}

function Changes({ all, from, to }: { all: readonly Change[]; from: LibraryVersion; to: LibraryVersion }) {
  if (all.length === 0) return <p>Version {to.version} says exactly what version {from.version} says.</p>;
  return (
    <>
      <p className="label" role="status">{all.length} {all.length === 1 ? 'difference' : 'differences'} from version {from.version}.</p>
      <div className={table.wrap}>
        <table className={`${table.table} ${table.cards}`}>
          <caption className="sr-only">Differences of version {to.version} from version {from.version}</caption>
          <thead><tr><th scope="col">Entry</th><th scope="col">For</th><th scope="col">What</th><th scope="col">Version {from.version}</th><th scope="col">Version {to.version}</th><th scope="col">Change</th></tr></thead>
          <tbody>
            {all.map((c) => {
              const kind = kindOf(c);
              return (
                <tr key={`${c.entry}|${c.where}|${c.what}`}>
                  <td data-name="Entry">{c.entry}</td>
                  <td data-name="For">{c.where || <span className="label">the entry</span>}</td>
                  <td data-name="What">{c.what}</td>
                  <td data-name={`Version ${from.version}`}>{c.old ?? <span className={css.none}>none</span>}</td>
                  <td data-name={`Version ${to.version}`}><strong>{c.now ?? <span className={css.none}>none</span>}</strong></td>
                  <td data-name="Change" className={css.turn}><span><span aria-hidden>{c.turn === 'higher' ? '▲' : c.turn === 'lower' ? '▼' : sign[kind]}</span> {c.turn ?? kind}</span></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
