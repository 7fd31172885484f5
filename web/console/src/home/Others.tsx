import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { OneTimeCode } from '../api/types';
import { Age } from '../ui/Time';
import { StateMark, stateWord } from '../status/StateMark';
import { actorName } from '../units/plain';
import { Card, Count, Good, Waits } from './Card';
import css from './home.module.css';
import { checkpointQuery, codesQuery, recallsQuery, statusQuery } from './queries';

/** Open recalls, and how many of their devices nobody was reached about. */
export function Recalls() {
  const query = useQuery(recallsQuery);
  const open = (query.data ?? []).filter((r) => r.state === 'open' && r.counts.total > r.counts.closed);
  return (
    <Card title="Recalls">
      <Waits of={query} what="the list of recalls" />
      {query.data && open.length === 0 && <Good>No open recall concerns your devices.</Good>}
      {open.length > 0 && (
        <div className={css.counts}>
          {open.map((r) => (
            <Count key={r.id} n={r.counts.check + r.counts.open - r.counts.contacted} to={{ to: '/recalls/$id', params: { id: r.id } as never, search: {} }}>
              {r.reference}: devices without a contact{r.counts.check > 0 && `, ${r.counts.check} to be checked first`}
            </Count>
          ))}
        </div>
      )}
    </Card>
  );
}

/** Whether the server itself is well. */
export function System() {
  const query = useQuery(statusQuery);
  const bad = (query.data?.parts ?? []).filter((p) => p.state !== 'ok');
  return (
    <Card title="System">
      <Waits of={query} what="the status of the server" />
      {query.data && bad.length === 0 && <Good>All {query.data.parts.length} parts of the server work.</Good>}
      {bad.length > 0 && <ul className={css.lines} aria-label="Parts of the server that need a look">{bad.map((p) => <li key={p.name}><StateMark state={p.state} /> <strong>{p.title}</strong> {p.detail || stateWord[p.state]}</li>)}</ul>}
      <Link className="link" to="/status" search={{}}>System status</Link>
    </Card>
  );
}

/** The record: how much is under the newest checkpoint. */
export function Record() {
  const query = useQuery(checkpointQuery);
  return (
    <Card title="Record">
      <Waits of={query} what="the record" />
      {query.data && (
        <>
          <div className={css.counts}><Count n={query.data.size} to={{ to: '/record', search: {} }}>entries under the newest checkpoint: verify them</Count></div>
          <p className="label">Sealed <Age at={query.data.at} />.</p>
        </>
      )}
    </Card>
  );
}

const purposeWord: Record<OneTimeCode['purpose'], string> = { enrol: 'to enrol a passkey', recover: 'to get in again', link: 'to link the hospital’s sign-in' };

/** One-time codes that wait for a second administrator: it takes two people to let somebody in. */
export function Codes() {
  const query = useQuery(codesQuery);
  const wait = (query.data ?? []).filter((c) => c.state === 'unconfirmed');
  return (
    <Card title="People">
      <Waits of={query} what="the list of codes" />
      {query.data && wait.length === 0 && <Good>No one-time code waits for a second administrator.</Good>}
      {wait.length > 0 && (
        <ul className={css.lines} aria-label="Codes that wait for a second administrator">
          {wait.map((c) => (
            <li key={c.id}>
              <Link className="link" to="/people" search={{ person: c.person }}>{c.may_confirm ? 'Confirm' : 'Look at'} the code of {c.name}</Link>{' '}
              <span className="label">{purposeWord[c.purpose]}, issued by {actorName(c.issued_by)}, <Age at={c.issued_at} />{!c.may_confirm && '; another administrator confirms it'}</span>
            </li>
          ))}
        </ul>
      )}
      <Link className="link" to="/people" search={{}}>People and roles</Link>
    </Card>
  );
}
