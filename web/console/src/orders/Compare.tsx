import type { LibraryContent, Prescription, Therapy } from '../api/orders';
import { countDiffering } from './diff';
import { partsOf } from './rows';
import { Sides } from './Sides';
import { type Known, useNames } from './useNames';

/** All settings of an order beside what the pump runs, if that is known and is what the order was made for. */
export function Compare({ document, therapy, lib, known }: { document: Prescription; therapy: Therapy | null; lib: LibraryContent | null; known?: Known }) {
  const parts = partsOf(document, therapy, lib, useNames(document, known));
  const count = countDiffering(parts);
  return (
    <div>
      {therapy && <p className="label">{count === 0 ? 'Nothing differs from what runs.' : `${count} ${count === 1 ? 'setting changes' : 'settings change'}, marked ◆.`}</p>}
      <Sides parts={parts} compared={therapy !== null} caption={`All settings of the order${therapy ? ', beside what the pump runs now' : ''}`} />
    </div>
  );
}
