import { useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import type { AuditProof } from '../api/types';
import { useSites } from '../app/useSites';
import { Dialog } from '../ui/Dialog';
import { Icon } from '../ui/Icon';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { changesOf } from './changes';
import { PumpName } from './RecordPage';
import css from './record.module.css';
import { useTitles } from './titles';
import { toHex } from './verify/bytes';
import { type Check, checkEntry, type Checked } from './verify/entry';
import { leafTime } from './verify/leaf';
import { trusted } from './verify/trust';

/** One entry: what was recorded, what changed, and what of it can be proved, computed here from its bytes. */
export default function EntryDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const query = useQuery({
    queryKey: ['audit', 'entry', id],
    queryFn: async () => {
      const [proof, { keys: named }] = await Promise.all([api.auditProof(id), api.auditKeys()]);
      let keys: Parameters<typeof checkEntry>[3] = [];
      let trouble: string | null = null;
      try {
        keys = [(await trusted(named)).key];
      } catch (err) {
        trouble = (err as Error).message;
      }
      return { proof, checked: await checkEntry(proof.entry, proof.stored, proof.text, keys), trouble };
    },
    retry: false,
    // An entry that waits for its place gets it in a moment.
    refetchInterval: (q) => (q.state.data?.proof.text === null ? 1500 : false),
  });
  return (
    <Dialog title={query.data ? `Entry ${query.data.proof.entry.index ?? 'pending'}` : 'Entry'} size="xl" onClose={onClose}>
      {query.isPending && <><Loading what="the entry" /><Ghost width="100%" height={320} /></>}
      {query.isError && <Trouble what="The entry" error={query.error} retry={() => void query.refetch()} />}
      {query.data && <Body {...query.data} />}
    </Dialog>
  );
}

function Body({ proof: { entry: e, stored }, checked, trouble }: { proof: AuditProof; checked: Checked; trouble: string | null }) {
  const sites = useSites();
  const title = useTitles();
  const changes = changesOf(e.payload);
  const { leaf } = checked;
  return (
    <div className={css.drawer}>
      <p className={css.drawerTitle}><strong>{title(e.kind) ?? e.kind}</strong> <span className={css.code}>{title(e.kind) && e.kind}{e.object && ` ${e.object}`}</span></p>
      {e.reason && <p>“{e.reason}”</p>}
      <dl className={css.facts}>
        <div><dt>Who</dt><dd>{actorName(e.actor)} <code>{e.actor}</code>{e.on_behalf && <>, on behalf of {actorName(e.on_behalf)}</>}</dd></div>
        <div><dt>When</dt><dd><Stamp at={e.at} full />{leaf && <span className="label"> {leafTime(leaf.serverTime)}</span>}</dd></div>
        {e.device_at && <div><dt>By the device's clock</dt><dd><Stamp at={e.device_at} full /></dd></div>}
        {e.site && <div><dt>Site</dt><dd>{sites.name(e.site)}</dd></div>}
        {e.pump && <div><dt>Pump</dt><dd><PumpName id={e.pump} /></dd></div>}
        {e.device && <div><dt>Over the link</dt><dd><code>{e.device}</code></dd></div>}
        {leaf?.oldHash && <div><dt>State before</dt><dd><code>{toHex(leaf.oldHash)}</code></dd></div>}
        {leaf?.newHash && <div><dt>State after</dt><dd><code>{toHex(leaf.newHash)}</code></dd></div>}
        {e.evidence_sha256 && <div><dt>Signed document</dt><dd><code>{e.evidence_sha256}</code></dd></div>}
        <div><dt>Leaf hash</dt><dd><code>{e.leaf_hash}</code></dd></div>
      </dl>
      {changes && (
        <table className={css.diff}>
          <caption className="h2">What changed</caption>
          <thead><tr><th scope="col">Member</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
          <tbody>
            {changes.map((c) => (
              <tr key={c.member} data-changed={c.changed || undefined}>
                <th scope="row">{c.member}{c.changed && <span className={css.mark}> changed</span>}</th>
                <td>{c.changed ? <del>{c.before}</del> : c.before}</td>
                <td>{c.changed ? <ins>{c.after}</ins> : c.after}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {!changes && e.payload !== null && <section aria-label="Detail"><h3 className="h2">Detail</h3><pre className={css.note} tabIndex={0}>{JSON.stringify(e.payload, null, 2)}</pre></section>}
      {e.erased && !stored.gone && <p>Its detail was erased on purpose; the entry stays.</p>}
      {e.payload === null && !e.erased && !stored.gone && leaf?.commit && stored.payload === null && <p className="label">It has a detail, which is not for your role.</p>}
      <section aria-label="Checked in this browser">
        <h3 className="h2">Checked in this browser</h3>
        {trouble && <p className={css.broken} role="alert">{trouble}</p>}
        <ul className={css.checks}>{checked.checks.map((c) => <CheckLine key={c.what} check={c} />)}</ul>
      </section>
    </div>
  );
}

const words = { good: 'Good', bad: 'WRONG', open: 'Open' } as const;

function CheckLine({ check: c }: { check: Check }) {
  return (
    <li data-state={c.state} role={c.state === 'bad' ? 'alert' : undefined}>
      <span className={css.checkWord}>{c.state === 'good' ? <Icon name="check" /> : c.state === 'bad' ? <Icon name="close" /> : null}{words[c.state]}</span>
      <span>{c.what}{c.note && <span className="label"> {c.note}</span>}</span>
    </li>
  );
}
