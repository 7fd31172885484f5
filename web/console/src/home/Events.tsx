import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { FleetEvent } from '../api/types';
import { Ghost, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { actorName } from '../units/plain';
import css from './home.module.css';
import { eventsQuery } from './queries';

/** The last ten things that happened at one's sites. */
export function Events() {
  const query = useQuery(eventsQuery);
  const items = useMemo(() => (query.data?.items ?? []).toReversed(), [query.data]);
  return (
    <section className={css.events} aria-label="Last events">
      <h2 className="h2">Last events</h2>
      {query.isPending && <Ghost width="100%" height={320} />}
      {query.isError && items.length === 0 && <Trouble what="The list of events" error={query.error} retry={() => void query.refetch()} />}
      {query.isSuccess && items.length === 0 && <p className="label">Nothing has happened yet.</p>}
      {items.length > 0 && <ol aria-label="Events, newest first">{items.map((e) => <EventLine key={e.cursor} event={e} />)}</ol>}
    </section>
  );
}

export function EventLine({ event: e }: { event: FleetEvent }) {
  return (
    <li className={css.event}>
      <Age at={e.at} className={css.when} />
      <span>
        {e.title}{e.detail.title ? `: ${e.detail.title}` : ''}
        {e.pump && <> <Link className="link" to="/pumps/$id" params={{ id: e.pump }} search={{}}><span className="mono">{e.pump_serial ?? `pump ${e.pump}`}</span></Link></>}
      </span>
      <span className="label">{e.detail.signer ?? actorName(e.actor)}{e.detail.meaning && `, signed to ${e.detail.meaning}`}</span>
    </li>
  );
}
