import { useElementSize } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Stamp } from '../ui/Time';
import css from './LiveTab.module.css';
import { type Mark, placed } from './marks';

/** How many marks the list under the charts has before one asks for all. */
const SHOWN = 6;

/** A step for a dose, a part with its pins for firmware. Ink only: colour belongs to alarms. */
function Sign({ kind }: { kind: Mark['kind'] }) {
  return (
    <svg className={css.sign} viewBox="0 0 12 12" width="12" height="12" aria-hidden focusable="false">
      <path d={kind === 'dose' ? 'M1 9.500h5v-7h5' : 'M3.500 3.500h5v5h-5zM6 1v2.500M6 8.500V11M1 6h2.500M8.500 6H11'} fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}

/** One kind of marks above the strips, at their time. A reader hears them from the list under the charts. */
export function MarkLane({ name, marks, from, to }: { name: string; marks: readonly Mark[]; from: number; to: number }) {
  const { ref, width } = useElementSize();
  if (marks.length === 0) return null;
  return (
    <div className={css.laneRow} aria-hidden data-lane={name}>
      <span className={css.laneName}>{name}</span>
      <div ref={ref} className={css.lane}>
        {width > 0 && placed(marks, from, to, width).map((p) => (
          <span key={p.marks[0]!.id} className={css.placed} data-side={p.side ?? undefined} style={{ left: p.left }} title={p.marks.map((m) => m.text).join('; ')}>
            <Sign kind={p.marks[0]!.kind} />{p.side && <span>{p.word}</span>}
          </span>
        ))}
      </div>
    </div>
  );
}

/** Every mark of the window in words, newest first, with the order that it is of. */
export function MarkList({ pump, marks }: { pump: string; marks: readonly Mark[] }) {
  const [whole, setWhole] = useState(false);
  if (marks.length === 0) return null;
  const newest = marks.toSorted((a, b) => b.at - a.at);
  return (
    <div className={css.marks}>
      <ul aria-label="Doses and firmware in this window">
        {newest.slice(0, whole ? undefined : SHOWN).map((m) => (
          <li key={m.id}>
            <Sign kind={m.kind} />
            <span>
              {m.order !== null ? <Link className="link" to="/orders/$id" params={{ id: m.order }} search={{}}>{m.text}</Link>
                : m.kind === 'dose' ? <Link className="link" to="/pumps/$id" params={{ id: pump }} search={{ tab: 'therapy' }}>{m.text}</Link> : m.text}
            </span>
            <span className="label"><Stamp at={new Date(m.at).toISOString()} full /></span>
          </li>
        ))}
      </ul>
      {newest.length > SHOWN && !whole && <button type="button" className="link" onClick={() => setWhole(true)}>All {newest.length} marks</button>}
    </div>
  );
}
