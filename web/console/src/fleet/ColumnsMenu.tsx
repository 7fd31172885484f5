import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { Pop } from '../ui/Pop';
import { ColumnChoices } from './ColumnChoices';
import { usual } from './columns';
import css from './Fleet.module.css';
import type { SortKey } from './search';

/** Which columns are shown, and in which order. */
export function ColumnsMenu({ shown, onChange }: { shown: readonly SortKey[]; onChange: (keys: readonly SortKey[] | undefined) => void }) {
  return (
    <Pop name="Columns" side="end" opener={<button type="button" className={css.facet}>Columns <Icon name="down" size={12} /></button>}>
      <fieldset className={css.choices}>
        <legend className="label">Shown, in this order</legend>
        <ColumnChoices shown={shown} before="to the left" after="to the right" onChange={onChange} />
      </fieldset>
      <Button variant="subtle" size="compact-sm" disabled={shown === usual} onClick={() => onChange(undefined)}>The usual ones</Button>
    </Pop>
  );
}
