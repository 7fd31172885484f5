import type { ComponentProps } from 'react';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { columns } from './columns';
import { FacetSheet } from './FacetChoices';
import css from './Fleet.module.css';
import { type Sort, writeSort } from './search';

interface Props extends ComponentProps<typeof FacetSheet> {
  sort: Sort;
  shown: number;
  onClose: () => void;
}

/** Filter and order on a narrow screen: everything at once, over the whole of it. */
export default function FilterSheet({ sort, shown, onClose, ...facets }: Props) {
  return (
    <Dialog onClose={onClose} title="Filter and order" fullScreen>
      <label className={css.choice}>
        <span>Order by</span>
        <select className={css.select} value={writeSort(sort)} onChange={(e) => facets.onChange({ sort: e.currentTarget.value })}>
          {columns.flatMap((c) => [
            <option key={c.key} value={c.key}>{c.title}</option>,
            <option key={`-${c.key}`} value={`-${c.key}`}>{c.title}, reversed</option>,
          ])}
        </select>
      </label>
      <FacetSheet {...facets} />
      <Button fullWidth onClick={onClose}>Show {shown} {shown === 1 ? 'pump' : 'pumps'}</Button>
    </Dialog>
  );
}
