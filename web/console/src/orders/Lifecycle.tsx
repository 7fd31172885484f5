import type { Order, OrderState } from '../api/orders';
import { Ghost, Trouble } from '../ui/states';
import { Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import css from './orders.module.css';
import { useHistory } from './queries';
import { isAway, isOpen, stateWord } from './words';

const path: readonly OrderState[] = ['proposed', 'verified', 'approved', 'released', 'sent', 'applied'];

/** The life of an order as it was, with evidence, and what is still to come. Letters are what left for the pump. */
export function Lifecycle({ order }: { order: Order }) {
  const q = useHistory(order.id, isAway(order.state));
  const at = path.indexOf(order.state === 'received' ? 'sent' : order.state);
  const next = isOpen(order.state) && order.state !== 'draft' ? path.slice(at + 1) : [];
  return (
    <section aria-labelledby="life" className={css.section}>
      <h2 id="life">Lifecycle</h2>
      {q.isPending && <Ghost width="100%" height={160} />}
      {q.isError && !q.data && <Trouble what="The lifecycle" error={q.error} retry={() => void q.refetch()} />}
      {q.data && (
        <ol className={css.life}>
          {q.data.events.map((e) => (
            <li key={`${e.at} ${e.state} ${e.note}`}>
              <div>
                <p><strong>{stateWord[e.state as OrderState] ?? e.state}</strong> <span className="label"><Stamp at={e.at} full /></span></p>
                {/* What its state says already is not said twice. */}
                {e.note !== e.state && <p>{e.note}</p>}
                <p className="label">{e.name || actorName(e.actor)}{e.evidence && <> · evidence <code title={e.evidence}>{e.evidence.slice(0, 12)}</code></>}</p>
              </div>
            </li>
          ))}
          {next.map((s) => <li key={s} data-next><div>{stateWord[s]} <span className="label">not yet</span></div></li>)}
        </ol>
      )}
      {q.data && q.data.letters.length > 0 && (
        <div>
          <h3 className="label">What left for the pump, and its answers</h3>
          <ul className={css.life} style={{ marginTop: 8 }}>
            {q.data.letters.map((l) => (
              <li key={l.id} data-next={l.answered_at === null || undefined}>
                <div>
                  <p><strong>{l.kind === 'withdraw' ? 'Withdrawal' : l.kind === 'stop' ? 'Stop' : 'Release'}</strong> by {l.by.name} <span className="label"><Stamp at={l.at} full />{l.counter !== '0' && <> · counter {l.counter}</>}</span></p>
                  {l.answered_at ? <p>Answered {l.state === 'applied' ? 'applied' : <code>{l.code}</code>} <span className="label"><Stamp at={l.answered_at} full /></span></p> : <p>{l.state === 'expired' ? 'Expired without an answer.' : l.sent_at ? 'Sent, not answered.' : 'Waits for the record to hold it for good.'}</p>}
                  {l.remedy && <p>{l.remedy}</p>}
                </div>
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}
