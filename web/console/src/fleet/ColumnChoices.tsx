import { Check } from '../ui/Check';
import { Icon } from '../ui/Icon';
import { columns } from './columns';
import css from './Fleet.module.css';
import type { SortKey } from './search';

interface Props {
  shown: readonly SortKey[];
  /** What is shown whatever is chosen: no choice is offered for it. */
  fixed?: ReadonlySet<SortKey>;
  /** How a place before and after another is called. */
  before: string;
  after: string;
  onChange: (keys: readonly SortKey[]) => void;
}

const nothing: ReadonlySet<SortKey> = new Set();

/** A checkbox for each column; what is shown comes first, in its order, and can be moved. */
export function ColumnChoices({ shown, fixed = nothing, before, after, onChange }: Props) {
  const open = shown.filter((k) => !fixed.has(k));
  const order = [...open, ...columns.map((c) => c.key).filter((k) => !shown.includes(k) && !fixed.has(k))];
  const swap = (key: SortKey, by: number) => {
    const other = open[open.indexOf(key) + by];
    if (other !== undefined) onChange(shown.map((k) => (k === key ? other : k === other ? key : k)));
  };
  return order.map((key) => {
    const c = columns.find((x) => x.key === key)!;
    const on = shown.includes(key);
    return (
      <div key={key} className={css.choice}>
        <Check checked={on} disabled={on && shown.length === 1} label={c.title} onChange={() => onChange(on ? shown.filter((k) => k !== key) : [...shown, key])} />
        {on && (
          <span className={css.moves}>
            <button type="button" className={css.move} aria-label={`${c.title} ${before}`} disabled={open[0] === key} onClick={() => swap(key, -1)}><Icon name="up" size={12} /></button>
            <button type="button" className={css.move} aria-label={`${c.title} ${after}`} disabled={open.at(-1) === key} onClick={() => swap(key, 1)}><Icon name="sortDown" size={12} /></button>
          </span>
        )}
      </div>
    );
  });
}
