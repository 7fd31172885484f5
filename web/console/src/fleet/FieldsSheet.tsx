import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { ColumnChoices } from './ColumnChoices';
import { cardHas, usual } from './columns';
import css from './Fleet.module.css';
import type { SortKey } from './search';

interface Props {
  /** The columns that the address names; null for the usual ones. */
  chosen: readonly SortKey[] | null;
  onChange: (keys: readonly SortKey[] | undefined) => void;
  onClose: () => void;
}

/**
 * What a card shows below what every card shows. It is the same choice as that of the columns of a wide screen, so that a view
 * or a link that was made here is one there.
 */
export default function FieldsSheet({ chosen, onChange, onClose }: Props) {
  const shown = chosen ?? usual.filter((k) => cardHas.has(k));
  return (
    <Dialog onClose={onClose} title="Fields" fullScreen>
      <p className="label">Every card shows the pump, its site, alarm, presence, state, rate, reservoir and when it was last heard. Below that, in this order:</p>
      <fieldset className={`${css.choices} ${css.upright}`} style={{ padding: '16px 0' }}>
        <legend className="sr-only">Further fields</legend>
        <ColumnChoices
          shown={shown} fixed={cardHas} before="further up" after="further down"
          onChange={(keys) => onChange(keys.some((k) => !cardHas.has(k)) ? [...usual.filter((k) => cardHas.has(k)), ...keys.filter((k) => !cardHas.has(k))] : undefined)}
        />
      </fieldset>
      <div className={css.sheetButtons}>
        <Button variant="default" disabled={chosen === null} onClick={() => onChange(undefined)}>The usual ones</Button>
        <Button onClick={onClose}>Done</Button>
      </div>
    </Dialog>
  );
}
