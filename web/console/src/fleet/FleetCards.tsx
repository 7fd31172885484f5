import { Link } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { memo, useLayoutEffect, useRef, useState } from 'react';
import { usePump } from '../app/live';
import type { useSites } from '../app/useSites';
import { PresenceMark, presenceWord, RunMark } from '../ui/Mark';
import { Age } from '../ui/Time';
import { Value } from '../ui/Value';
import { useClock } from '../units/clock';
import { freshness as judge } from '../units/freshness';
import { millilitres, millilitresPerDay } from '../units/quantity';
import { type Column, ReservoirOf } from './columns';
import type { Pick } from './FleetGrid';
import { moreAlarms, TopAlarm } from './TopAlarm';
import css from './Fleet.module.css';

const HEIGHT = 136;
/** A line of two further fields. */
const LINE = 24;

interface Props {
  ids: readonly string[];
  sites: ReturnType<typeof useSites>;
  /** What a card shows below what every card shows. */
  extras: readonly Column[];
  /** A tap selects instead of opening. */
  pick: Pick | null;
}

/** The fleet on a narrow screen: the same rows as cards, virtual in the page's own scrolling. Give it a key for each number of extras: cards are measured once. */
export function FleetCards({ ids, sites, extras, pick }: Props) {
  const height = HEIGHT + (extras.length > 0 ? Math.ceil(extras.length / 2) * LINE + 8 : 0);
  const box = useRef<HTMLUListElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(() => setMargin(box.current?.offsetTop ?? 0), []);
  const cards = useWindowVirtualizer({ count: ids.length, estimateSize: () => height, overscan: 4, scrollMargin: margin, getItemKey: (i) => ids[i]! });
  return (
    <ul ref={box} className={css.cards} style={{ height: cards.getTotalSize() }} aria-label="Pumps">
      {cards.getVirtualItems().map((v) => (
        <Card key={ids[v.index]!} id={ids[v.index]!} index={v.index} total={ids.length} top={v.start - margin} height={height} sites={sites} extras={extras} picked={pick ? pick.has(ids[v.index]!) : null} onPick={pick?.toggle} />
      ))}
    </ul>
  );
}

interface CardProps {
  id: string;
  index: number;
  total: number;
  top: number;
  height: number;
  extras: readonly Column[];
  picked: boolean | null;
  onPick: ((id: string) => void) | undefined;
  sites: ReturnType<typeof useSites>;
}

const Card = memo(function Card({ id, index, total, top, height, extras, picked, onPick, sites }: CardProps) {
  const row = usePump(id);
  const freshness = useClock((now) => (row ? judge(row, now) : 'none'));
  if (!row) return null;
  const alarming = row.alarms.high + row.alarms.medium + row.alarms.low > 0;
  const c = { row, freshness, siteShort: sites.short(row.site), siteName: sites.name(row.site) };
  return (
    <li className={css.card} data-picked={picked || undefined} aria-setsize={total} aria-posinset={index + 1} style={{ height, transform: `translateY(${top}px)` }} data-pump={id}>
      {picked !== null && <input id={`pick-${id}`} type="checkbox" className={css.check} checked={picked} onChange={() => onPick?.(id)} />}
      {picked === null && <div className={css.cardVessel}><ReservoirOf row={row} freshness={freshness} /></div>}
      <div className={css.cardBody}>
        <div className={css.cardTop}>
          {picked === null
            ? <Link to="/pumps/$id" params={{ id }} search={{}} className={css.cardLink}>{row.serial}</Link>
            : <label htmlFor={`pick-${id}`} className={css.cardLink}><span className="sr-only">Select </span>{row.serial}</label>}
          <span className={css.pair}><PresenceMark presence={row.presence} />{presenceWord[row.presence]}</span>
        </div>
        <div className="label">{[row.label, sites.short(row.site)].filter(Boolean).join(' · ')}</div>
        <div className={css.cardNumbers}>
          <Value className={css.big} text={millilitres(row.reservoir_nl)} unit="mL" freshness={freshness} at={row.last_data} />
          <Value text={millilitresPerDay(row.rate_nl_day)} unit="mL/day" freshness={freshness} at={row.last_data} />
          <RunMark run={row.run} old={freshness === 'old'} />
        </div>
        {extras.length > 0 && (
          <dl className={css.cardExtras}>
            {extras.map((col) => <div key={col.key}><dt className="label">{col.title}</dt><dd>{col.main(c)}</dd></div>)}
          </dl>
        )}
        <div className={css.cardFoot}>
          {alarming ? <TopAlarm row={row} /> : <span className="label">no alarm</span>}
          <span className={`label ${css.cardMore}`}>{moreAlarms(row)}</span>
          {freshness === 'old' || freshness === 'aged' ? <Age at={row.last_data} prefix="data " className={`label ${css.cardAge}`} /> : <Age at={row.last_heard} className={`label ${css.cardAge}`} />}
        </div>
      </div>
    </li>
  );
});
