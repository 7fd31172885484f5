import { Ghost } from '../ui/states';
import { columnsOf, usual } from './columns';
import css from './Fleet.module.css';

const columns = columnsOf(usual);
const template = columns.map((c) => c.width).join(' ');
const rows = Array.from({ length: 12 }, (_, i) => i);

/** The table before its first rows, in its final size. */
export function FleetGhost({ cards }: { cards: boolean }) {
  if (cards) return <div aria-hidden style={{ width: '100%' }}>{rows.slice(0, 5).map((i) => <div key={i} className={css.card} style={{ height: 136, position: 'static' }}><Ghost width="60%" height={16} /></div>)}</div>;
  return (
    <div className={css.table} aria-hidden>
      <div className={css.scroller}>
        <div className={css.head} style={{ height: 32 }}>
          <div className={css.headRow} style={{ gridTemplateColumns: template }}>{columns.map((c) => <div key={c.key} className={css.th} data-numeric={c.numeric || undefined} data-key={c.key}><span className={css.thButton}>{c.title}</span></div>)}</div>
        </div>
        {rows.map((i) => (
          <div key={i} className={css.row} style={{ height: 48, position: 'static', gridTemplateColumns: template }}>
            {columns.map((c) => <div key={c.key} className={css.td} data-numeric={c.numeric || undefined}><Ghost width={`${48 + ((i * 7 + c.title.length * 5) % 40)}%`} /></div>)}
          </div>
        ))}
      </div>
    </div>
  );
}
