import { Button, Checkbox, Popover } from '@mantine/core';
import { Icon } from '../ui/Icon';
import { columns, usual } from './columns';
import css from './Fleet.module.css';
import type { SortKey } from './search';

/** Which columns are shown, and in which order. */
export function ColumnsMenu({ shown, onChange }: { shown: readonly SortKey[]; onChange: (keys: readonly SortKey[] | undefined) => void }) {
  const order = [...shown, ...columns.map((c) => c.key).filter((k) => !shown.includes(k))];
  const move = (key: SortKey, by: number) => {
    const i = shown.indexOf(key);
    const to = i + by;
    if (i < 0 || to < 0 || to >= shown.length) return;
    const next = [...shown];
    [next[i], next[to]] = [next[to]!, next[i]!];
    onChange(next);
  };
  return (
    <Popover position="bottom-end" offset={4} trapFocus returnFocus>
      <Popover.Target><button type="button" className={css.facet}>Columns <Icon name="down" size={12} /></button></Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        <fieldset className={css.choices}>
          <legend className="label">Shown, in this order</legend>
          {order.map((key) => {
            const c = columns.find((x) => x.key === key)!;
            const on = shown.includes(key);
            return (
              <div key={key} className={css.choice}>
                <Checkbox checked={on} disabled={on && shown.length === 1} label={c.title} onChange={() => onChange(on ? shown.filter((k) => k !== key) : [...shown, key])} />
                {on && (
                  <span className={css.moves}>
                    <button type="button" className={css.move} aria-label={`${c.title} to the left`} disabled={shown[0] === key} onClick={() => move(key, -1)}><Icon name="up" size={12} /></button>
                    <button type="button" className={css.move} aria-label={`${c.title} to the right`} disabled={shown.at(-1) === key} onClick={() => move(key, 1)}><Icon name="sortDown" size={12} /></button>
                  </span>
                )}
              </div>
            );
          })}
        </fieldset>
        <Button variant="subtle" size="compact-sm" disabled={shown === usual} onClick={() => onChange(undefined)}>The usual ones</Button>
      </Popover.Dropdown>
    </Popover>
  );
}
