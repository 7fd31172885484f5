import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useSites } from '../app/useSites';
import { Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Age, Stamp } from '../ui/Time';
import { serverNow } from '../units/clock';
import { parseTime } from '../units/time';
import { keysetPumpsQuery } from './queries';
import { daysText, stageOf } from './words';

/** Which keyset each pump says it has: those that lack the newest one first. */
export function KeysetPumps({ current }: { current: string }) {
  const sites = useSites();
  const q = useQuery(keysetPumpsQuery);
  const [every, setEvery] = useState(false);
  const all = q.data ?? [];
  const behind = all.filter((p) => p.version !== current);
  const shown = every ? [...behind, ...all.filter((p) => p.version === current)] : behind;
  const now = Math.floor(serverNow() / 1000);
  const end = (at: string | null) => Math.floor((parseTime(at) ?? 0) / 1000);
  return (
    <section aria-labelledby="holders" className={css.section}>
      <h2 id="holders" className="h2">What the pumps have</h2>
      {q.isPending && <><Loading what="the keysets of pumps" /><Ghost width="100%" height={96} /></>}
      {q.isError && !q.data && <Trouble what="The keysets of pumps" error={q.error} retry={() => void q.refetch()} />}
      {q.isError && q.data && <NotCurrent of={q} />}
      {q.data && (
        <>
          <p><strong>{all.length - behind.length} of {all.length} pumps</strong> have keyset {current}. <span className="label">A pump with an older one fetches it before it takes a release.</span></p>
          <fieldset className={css.switch} data-screen>
            <legend className="sr-only">Which pumps</legend>
            <button type="button" aria-pressed={!every} onClick={() => setEvery(false)}>Without keyset {current} ({behind.length})</button>
            <button type="button" aria-pressed={every} onClick={() => setEvery(true)}>All ({all.length})</button>
          </fieldset>
          {shown.length === 0 ? <p className={css.muted}>{all.length === 0 ? 'No pump of your sites is connected by a link.' : 'Every pump has it.'}</p> : (
            <div className={css.wrap}>
              <table className={`${css.table} ${css.cards}`}>
                <caption className="sr-only">Keyset by pump</caption>
                <thead><tr><th scope="col">Pump</th><th scope="col">Site</th><th scope="col">Has</th><th scope="col">Its keyset ends</th><th scope="col">Said</th></tr></thead>
                <tbody>
                  {shown.map((p) => (
                    <tr key={p.pump}>
                      <td data-name="Pump"><Link className="link mono" to="/pumps/$id" params={{ id: p.pump }} search={{}}>{p.serial}</Link></td>
                      <td data-name="Site">{sites.short(p.site)}</td>
                      <td data-name="Has">{p.version ? <span>keyset {p.version}{p.version !== current && <> <span className={css.tag} data-strong>not current</span></>}</span> : <span className="label">has not said</span>}</td>
                      <td data-name="Its keyset ends">{p.expires_at ? <span><Stamp at={p.expires_at} /> <span className={stageOf(end(p.expires_at), now) === 'fresh' ? 'label' : css.tag}>{daysText(end(p.expires_at), now)}</span></span> : <span className="label">not known</span>}</td>
                      <td data-name="Said"><Age at={p.said_at} /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </>
      )}
    </section>
  );
}
