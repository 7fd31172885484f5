import { Button } from '../ui/Button';
import css from './Fleet.module.css';
import type { Picked } from './usePick';

interface Props {
  pick: Picked;
  /** The filter that the rows are under. */
  whole: string;
  wrong: boolean;
  /** How many rows there are. */
  shown: number;
  /** Begin to work on what is selected. */
  onWork: () => void;
  /** On a narrow screen: leaves the mode in which a tap selects. */
  onDone?: () => void;
}

/** What is selected, said with its count and filter, and what can be done with it. */
export default function Selection({ pick, whole, wrong, shown, onWork, onDone }: Props) {
  const pumps = pick.count === 1 ? 'pump' : 'pumps';
  return (
    <div className={css.picked} role="region" aria-label="Selected pumps" data-low={onDone ? true : undefined}>
      <span role="status">
        {pick.count === 0 ? 'Tap the pumps that you mean' : <><strong>{pick.count}</strong> {pumps} selected</>}
        {pick.all && (whole ? <>: all that <code>{whole}</code> means</> : ': all of them')}
      </span>
      {!pick.all && !wrong && shown > pick.count && <Button variant="subtle" size="compact-sm" onClick={pick.takeAll}>{onDone ? `All ${shown}` : `Select all ${shown} that match`}</Button>}
      {pick.count > 0 && <Button variant="subtle" size="compact-sm" onClick={pick.clear}>{onDone ? 'Clear' : 'Clear the selection'}</Button>}
      <span className={css.pickedDo}>
        {pick.count > 0 && <Button size="compact-sm" disabled={wrong} onClick={onWork}>Work on {pick.count === 1 ? 'it' : `these ${pick.count}`}…</Button>}
        {onDone && <Button variant="default" size="compact-sm" onClick={onDone}>Done</Button>}
      </span>
    </div>
  );
}
