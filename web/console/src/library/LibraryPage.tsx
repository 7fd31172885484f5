import { Link, useNavigate } from '@tanstack/react-router';
import { useTitle } from '../app/useTitle';
import type { LibraryPump, LibraryVersion } from '../api/library';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { Adoption } from './Adoption';
import { PumpVersions } from './PumpVersions';
import { useLibraryPumps, useVersions } from './queries';
import { SampleNote } from './SampleNote';
import { mayLibrary, stateWord } from './words';

/** All versions of the drug library, and which of them the pumps have. */
export default function LibraryPage() {
  useTitle('Drug library');
  const me = useMe();
  const navigate = useNavigate();
  const list = useVersions();
  const pumps = useLibraryPumps();
  const active = list.data?.find((v) => v.state === 'active') ?? null;
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Drug library</h1>
        {mayLibrary.write(me) && active && <Button onClick={() => void navigate({ to: '/library/new', search: { from: active.version } })}>Draft a new version</Button>}
      </div>
      <p className={css.muted}>Which drugs may be ordered, and within which limits. A pharmacist writes a version, a second person agrees, the library’s key signs it, and each pump judges every order by the version that it holds.</p>
      {active?.library.sample && <SampleNote version={active.version} />}
      {list.isPending && <><Loading what="versions of the drug library" /><Ghost width="100%" height={160} /></>}
      {list.isError && !list.data && <Trouble what="The list of versions" error={list.error} retry={() => void list.refetch()} />}
      {list.isError && list.data && <NotCurrent of={list} />}
      {list.data?.length === 0 && <Empty title="There is no drug library yet">The first one is signed at the ceremony of keys.</Empty>}
      {list.data && list.data.length > 0 && <Versions all={list.data} pumps={pumps.data} />}
      {active && (
        <section aria-labelledby="held" className={css.section}>
          <div className={css.head}><h2 id="held" className="h2">What the pumps have</h2></div>
          {pumps.isPending && <><Loading what="the versions of pumps" /><Ghost width="100%" height={160} /></>}
          {pumps.isError && !pumps.data && <Trouble what="The versions of pumps" error={pumps.error} retry={() => void pumps.refetch()} />}
          {pumps.isError && pumps.data && <NotCurrent of={pumps} />}
          {pumps.data && <><Adoption version={active} pumps={pumps.data} /><PumpVersions all={pumps.data} current={active.version} /></>}
        </section>
      )}
    </div>
  );
}

function Versions({ all, pumps }: { all: readonly LibraryVersion[]; pumps: readonly LibraryPump[] | undefined }) {
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Versions, newest first</caption>
        <thead><tr><th scope="col">Version</th><th scope="col">State</th><th scope="col">Name</th><th scope="col">What changed and why</th><th scope="col">Written by</th><th scope="col">Agreed by</th><th scope="col">In force since</th><th scope="col" className={css.num}>Pumps</th></tr></thead>
        <tbody>
          {all.map((v) => (
            <tr key={v.version}>
              <td data-name="Version" className={css.fixed}><Link className="link" to="/library/$version" params={{ version: v.version }} search={{}}>Version {v.version}</Link></td>
              <td data-name="State"><span className={css.tag} data-strong={v.state === 'active' || undefined} data-quiet={v.state === 'superseded' || v.state === 'rejected' || undefined}>{stateWord[v.state]}</span></td>
              <td data-name="Name"><span>{v.library.name}{v.library.sample && <> <span className={css.tag} data-strong>Sample, unapproved</span></>}</span></td>
              <td data-name="What changed"><span>{v.note}</span></td>
              <td data-name="Written by"><span>{v.author} <span className={`label ${css.under}`}><Stamp at={v.created_at} /></span></span></td>
              <td data-name={v.state === 'rejected' ? 'Rejected by' : 'Agreed by'}>{v.approver ? <span>{v.approver} <span className={`label ${css.under}`}><Stamp at={v.approved_at} /></span></span> : <span className="label">nobody</span>}</td>
              <td data-name="In force since" className={css.fixed}>{v.active_at ? <Stamp at={v.active_at} /> : <span className="label">never</span>}</td>
              <td data-name="Pumps" className={css.num}>{pumps ? pumps.filter((p) => p.version === v.version).length : '…'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
