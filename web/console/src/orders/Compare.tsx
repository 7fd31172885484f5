import type { LibraryContent, Prescription, Ran } from '../api/orders';
import { countDiffering } from './diff';
import { partsOf } from './rows';
import { Sides } from './Sides';
import { type Known, useNames } from './useNames';

const RAN = 'Ran when proposed';

/** All settings of an order beside what the pump runs, or ran when the order was proposed, if that is known and is what the order was made for. */
export function Compare({ document, therapy, lib, known, then = false, now }: { document: Prescription; therapy: Ran | null; lib: LibraryContent | null; known?: Known; then?: boolean; now?: string }) {
  const parts = partsOf(document, therapy, lib, useNames(document, known));
  const count = countDiffering(parts);
  return (
    <div>
      {therapy && <p className="label">{count === 0 ? `Nothing differs from what ${then ? 'ran then' : 'runs'}.` : `${count} ${count === 1 ? 'setting' : 'settings'} ${then ? count === 1 ? 'differs from what ran when this was proposed' : 'differ from what ran when this was proposed' : count === 1 ? 'changes' : 'change'}, marked ◆.`}</p>}
      <Sides parts={parts} compared={therapy !== null} old={then ? RAN : undefined} now={now} caption={`All settings of the order${therapy ? `, beside what the pump ${then ? 'ran when it was proposed' : 'runs now'}` : ''}`} />
    </div>
  );
}
