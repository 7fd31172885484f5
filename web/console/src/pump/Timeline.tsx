import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api } from '../api/client';
import type { TimelineItem } from '../api/types';
import { signedWord } from '../orders/words';
import { Button } from '../ui/Button';
import { Day, today } from '../ui/Field';
import { AlarmMark } from '../ui/Mark';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import { actorKey, actorName, plainDetail } from '../units/plain';
import { clock, day, duration, parseTime, stamp, zone } from '../units/time';
import css from './Timeline.module.css';
import { byWord, groupOne, groupWord, type Narrowed, narrowedTo, timelineBys, timelineGroups, toggled, told } from './told';

const PAGE = 50;
/** A difference between the pump's clock and arrival that is worth a word. */
const LATE_S = 60;

interface Props extends Narrowed {
  pump: string;
  onNarrow: (part: Narrowed) => void;
  /** Day at whose end the timeline begins, by this computer's calendar. */
  day?: string | undefined;
  onDay?: (day: string | undefined) => void;
}

/** Everything that happened to a pump, newest first. What is new is offered, never pushed under the reader's eyes. */
export default function Timeline({ pump, groups, by, onNarrow, day: until, onDay }: Props) {
  const filter = { ...(groups ? { groups: groups.join(',') } : {}), ...(by ? { by: by.join(',') } : {}) };
  const narrowed = narrowedTo({ groups, by });
  const end = until ? new Date(`${until}T00:00:00`) : null;
  if (end) end.setDate(end.getDate() + 1);
  const query = { limit: PAGE, ...filter, ...(end ? { until: end.toISOString() } : {}) };
  const list = useInfiniteQuery({
    queryKey: ['timeline', pump, filter, until],
    queryFn: ({ pageParam }) => api.timeline(pump, { ...query, ...(pageParam ? { before: pageParam } : {}) }),
    initialPageParam: '',
    getNextPageParam: (last) => last.next || undefined,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    gcTime: 0,
  });
  const head = useQuery({ queryKey: ['timeline-head', pump, filter], queryFn: () => api.timeline(pump, { ...query, limit: 20 }), refetchInterval: 5000, enabled: list.isSuccess && !until });
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const known = new Set(items.map((i) => i.id));
  const fresh = (head.data?.items ?? []).filter((i) => !known.has(i.id)).length;

  const everything = () => onNarrow({ groups: undefined, by: undefined });
  return (
    <section aria-label="Timeline">
      <div className={css.tools} data-screen>
        <fieldset className={css.kinds}>
          <legend className="sr-only">What it is about</legend>
          <button type="button" aria-pressed={groups === undefined} onClick={() => onNarrow({ groups: undefined })}>All</button>
          {timelineGroups.map((g) => <button key={g} type="button" aria-pressed={groups?.includes(g) ?? false} onClick={() => onNarrow({ groups: toggled(timelineGroups, groups, g) })}>{groupWord[g]}</button>)}
        </fieldset>
        <fieldset className={css.kinds}>
          <legend className="sr-only">Whose doing it is</legend>
          <button type="button" aria-pressed={by === undefined} onClick={() => onNarrow({ by: undefined })}>By anyone</button>
          {timelineBys.map((b) => <button key={b} type="button" aria-pressed={by?.includes(b) ?? false} onClick={() => onNarrow({ by: toggled(timelineBys, by, b) })}>{byWord[b]}</button>)}
        </fieldset>
        {onDay && <Day aria-label="Jump to a day" value={until ?? ''} onText={(d) => onDay(d || undefined)} max={today()} size="xs" />}
        {until && onDay && <Button variant="subtle" size="compact-sm" onClick={() => onDay(undefined)}>Back to now</Button>}
        <span className="label">Times in {zone()}</span>
        <div role="status" className={css.fresh}>
          {head.isError && <span className="label">Whether there are newer entries could not be read.</span>}
          {fresh > 0 && <Button size="compact-sm" onClick={() => void list.refetch()}>{fresh === 20 ? '20 or more' : fresh} new {fresh === 1 ? 'entry' : 'entries'}. Show</Button>}
        </div>
      </div>
      {list.isPending && <><Loading what="the timeline" /><ul aria-hidden>{[1, 2, 3, 4, 5, 6].map((i) => <li key={i} className={css.item}><Ghost width={64} /><span /><Ghost width={`${70 - i * 6}%`} /></li>)}</ul></>}
      {list.isError && items.length === 0 && <Trouble what="The timeline" error={list.error} retry={() => void list.refetch()} />}
      {list.isSuccess && items.length === 0 && <Nothing narrowed={narrowed} until={until} onAll={everything} />}
      {days(items).map(([name, entries]) => (
        <section key={name} aria-label={name} className={css.day}>
          <h2 className={css.dayName}>{name}</h2>
          <ol className={css.list}>{entries.map((i) => <Item key={i.id} item={i} pump={pump} />)}</ol>
        </section>
      ))}
      {items.length > 0 && (
        <p className="only-paper">
          {narrowed && `Only ${narrowed}. `}{items.length} {items.length === 1 ? 'entry' : 'entries'}, as read at {stamp(list.dataUpdatedAt)}. {fresh > 0 && `${fresh === 20 ? '20 or more' : fresh} newer ${fresh === 1 ? 'entry is' : 'entries are'} not on this paper. `}{list.hasNextPage && 'Older entries are not on this paper: load them before printing.'}
        </p>
      )}
      {list.hasNextPage && <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()} className={css.older}>Load older</Button>}
      {list.isFetchNextPageError && <Trouble what="The older part" error={list.error} retry={() => void list.fetchNextPage()} />}
      {items.length > 0 && !list.hasNextPage && list.isSuccess && <p className={css.end}>{narrowed ? `Nothing older of what was chosen: ${narrowed}.` : 'The beginning of this pump\'s story.'}</p>}
    </section>
  );
}

/** Says what there is nothing of, and offers everything. */
function Nothing({ narrowed, until, onAll }: { narrowed: string; until: string | undefined; onAll: () => void }) {
  const when = until ? ` until the end of ${day(new Date(`${until}T12:00:00`).getTime())}` : '';
  if (!narrowed) return <Empty title={until ? `Nothing happened${when}` : 'Nothing has happened yet'}>What the pump, its link and people do to it appears here.</Empty>;
  return (
    <Empty title="Nothing matches" action={<Button variant="default" onClick={onAll}>Clear the filter</Button>}>
      {`There is nothing${when} of what was chosen: ${narrowed}.`}
    </Empty>
  );
}

/** Groups items that are already in order by the day on which they happened. */
function days(items: readonly TimelineItem[]): [string, TimelineItem[]][] {
  const out: [string, TimelineItem[]][] = [];
  for (const item of items) {
    const name = day(parseTime(item.at) ?? 0);
    if (out.at(-1)?.[0] !== name) out.push([name, []]);
    out.at(-1)![1].push(item);
  }
  return out;
}

function Item({ item, pump }: { item: TimelineItem; pump: string }) {
  const { title, code } = told(item);
  const at = parseTime(item.at) ?? 0;
  const device = parseTime(item.device_at);
  const received = parseTime(item.received_at);
  const late = device !== null && received !== null ? Math.round((received - device) / 1000) : 0;
  return (
    <li className={css.item} data-kind={item.kind} data-group={item.group} data-by={item.by}>
      <time className={css.time} dateTime={new Date(at).toISOString()} title={stamp(at)}>{clock(at)}</time>
      <span className={css.node} aria-hidden />
      <div className={css.body}>
        <p className={css.title}>
          {item.kind === 'alarm' && item.priority ? <AlarmMark priority={item.priority} quiet /> : <span className={css.kind}>{groupOne[item.group]}</span>}
          <span>{title}</span>
          {code && <code className={css.code}>{code}</code>}
        </p>
        {item.meaning && <p className={css.said}>Signed{item.signer && ` by ${item.signer}`}, {stamp(at)}: “{signedWord[item.meaning] ?? item.meaning}”</p>}
        {item.detail && <p className={css.detail}>{item.by === 'person' ? item.detail : plainDetail(item.detail)}</p>}
        {(item.actor || Math.abs(late) > LATE_S) && (
          <p className="label">
            {item.actor && <Link className="link" to="/record" search={{ pump, actor: actorKey(item.actor) }} title="What this one did to this pump, in the record">{actorName(item.actor)}</Link>}
            {item.actor && Math.abs(late) > LATE_S && ' · '}
            {late > LATE_S && `arrived ${duration(late)} after the pump wrote it`}
            {late < -LATE_S && `the pump's clock was ${duration(-late)} ahead`}
          </p>
        )}
      </div>
    </li>
  );
}
