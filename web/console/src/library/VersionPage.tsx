import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { libraries, type LibraryVersion } from '../api/library';
import { Problem } from '../api/problem';
import { useArrived } from '../app/useArrived';
import { useTitle } from '../app/useTitle';
import { Icon } from '../ui/Icon';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { Acts } from './Acts';
import { Diff } from './Diff';
import { Entries } from './Entries';
import lib from './library.module.css';
import { useCheck, useProof, useVersions } from './queries';
import { Recheck } from './Recheck';
import { SampleNote } from './SampleNote';
import { stateMeaning, stateWord } from './words';

const route = getRouteApi('/frame/library/$version');

/** One version: where it stands, what it changes, whom that touches, and every entry. */
export default function VersionPage() {
  const { version } = route.useParams();
  const q = useQuery({ queryKey: ['libraries', 'one', version], queryFn: () => libraries.get(version), refetchInterval: 10_000 });
  useTitle(`Drug library, version ${version}`);
  if (q.isPending) return <div className={css.page}><Loading page={`Drug library, version ${version}`} what="the version" /><Ghost width="100%" height={320} /></div>;
  if (q.isError && q.error instanceof Problem && q.error.status === 404) return <Empty page title="There is no such version" action={<Link className="link" to="/library" search={{}}>All versions</Link>} />;
  if (!q.data) return <Trouble page="Drug library" what="The version" error={q.error} retry={() => void q.refetch()} />;
  return <Version key={version} of={q.data} stale={q.isError} />;
}

function Version({ of: v, stale }: { of: LibraryVersion; stale: boolean }) {
  const arrived = useArrived(useProof(v).settled, !useVersions().isPending, !useCheck(v).isPending);
  return (
    <article className={css.page}>
      <div className={css.head}>
        <div>
          <Link to="/library" search={{}} className={css.back} data-screen><Icon name="left" /> Drug library</Link>
          <h1 className="h1">Version {v.version} <span className={css.muted}>{v.library.name}</span></h1>
          <p><span className={css.tag} data-strong={v.state === 'active' || undefined}>{stateWord[v.state]}</span> <span className={css.muted}>{stateMeaning[v.state]}</span></p>
        </div>
        <Acts of={v} />
      </div>
      {v.library.sample && <SampleNote version={v.version} />}
      {stale && <p role="status"><strong>This page is not current:</strong> the last answer failed.</p>}
      <Steps of={v} />
      <div className={css.grid2}>
        <dl className={css.facts}>
          <div><dt className="label">Why</dt><dd>{v.note}</dd></div>
          <div><dt className="label">Written by</dt><dd>{v.author} <span className="label"><Stamp at={v.created_at} full /></span></dd></div>
          <div><dt className="label">{v.state === 'rejected' ? 'Rejected by' : 'Agreed by'}</dt><dd>{v.approver ? <>{v.approver} <span className="label"><Stamp at={v.approved_at} full /></span></> : <span className="label">nobody yet</span>}</dd></div>
          <div><dt className="label">In force since</dt><dd>{v.active_at ? <Stamp at={v.active_at} full /> : <span className="label">not yet</span>}</dd></div>
        </dl>
        {arrived && <Bytes of={v} />}
      </div>
      {!arrived && <><Loading what="what differs and whom it touches" /><Ghost width="100%" height={240} /></>}
      {arrived && <><Diff of={v} /><Recheck of={v} /></>}
      {arrived && <section aria-labelledby="entries" className={css.section}>
        <h2 id="entries" className="h2">Entries</h2>
        <Entries of={v} />
      </section>}
    </article>
  );
}

const order = ['draft', 'review', 'approved', 'active'] as const;
const stepWord = { draft: 'Draft', review: 'In review', approved: 'Approved', active: 'Signed and in force' };

/** How far a version is on its way, in words and dots. */
function Steps({ of: v }: { of: LibraryVersion }) {
  if (v.state === 'rejected') return null;
  const at = v.state === 'superseded' ? order.length : order.indexOf(v.state);
  return <ol className={lib.steps} aria-label="The way of a version">{order.map((s, i) => <li key={s} data-done={i < at || v.state === 'active' || undefined} aria-current={i === at ? 'step' : undefined}>{stepWord[s]}{i < at && <span className="sr-only"> (done)</span>}</li>)}</ol>;
}

const contentWord = {
  holds: 'The bytes that are signed hold exactly the numbers of this page.',
  differs: 'The bytes that are signed do NOT hold what this page shows. Agree to nothing; tell your administrator.',
  unreadable: 'The bytes that are signed cannot be read. Agree to nothing; tell your administrator.',
};
const signedWord = { good: 'The key that the root names for libraries signed these bytes.', bad: 'The signature does NOT hold under the root.', none: 'Not signed yet.', 'other root': 'The server names another root than this browser knows. Sign and release nothing; tell the engineers.' };

/** What this browser finds about the bytes by itself. */
function Bytes({ of: v }: { of: LibraryVersion }) {
  const { proof, failed, again } = useProof(v);
  const bad = proof && (proof.content !== 'holds' || proof.signed !== 'good' && proof.signed !== 'none');
  return (
    <dl className={css.facts}>
      <div>
        <dt className="label">Checked in this browser</dt>
        <dd role={bad ? 'alert' : undefined} data-proof={proof?.content}>
          {!proof ? (failed ? <>It could not be checked: the root could not be read. <button type="button" className="link" onClick={again}>Try again</button></> : '…') : bad ? <strong>{proof.content !== 'holds' ? contentWord[proof.content] : signedWord[proof.signed]}</strong> : <>{contentWord.holds} {signedWord[proof.signed]}</>}
        </dd>
      </div>
      <div><dt className="label">Hash of what is signed</dt><dd className="mono">{v.body_hash}</dd></div>
      {v.hash && <div><dt className="label">Name that pumps use</dt><dd className="mono">{v.hash}</dd></div>}
    </dl>
  );
}
