import type { LibraryContent, Prescription, Ran } from '../api/orders';
import { differs, type Row } from './diff';
import { partsOf } from './rows';

/**
 * What an order changes of the doses of a day, for a list: lines of its page, of the planned branch of a visit, and none of what stays.
 * Without what ran when it was proposed, the doses that it asks for.
 */
export function glance(p: Prescription, ran: Ran | null, lib: LibraryContent | null): Row[] {
  const day = partsOf(p, ran, lib).find((x) => x.title === 'In a day' || x.title === 'As planned: in a day');
  return (day?.rows ?? []).filter((r) => r.name.endsWith(' a day') && r.name !== 'Volume a day' && (differs(r) || r.mark === null));
}
