import type { LibraryContent, Therapy } from '../api/orders';
import { concOf, dose, drugOf, mass, meanDay } from './amounts';
import { alone, lines, type Part } from './diff';
import { runWords } from './words';

/** The run state of a pump that was stopped. */
export const STANDS = 3;

/** What a stop ends beside the program, by what a pump is busy with. */
const cutShort: Record<number, string> = { 1: 'Bolus', 2: 'Priming bolus' };

/** What a stop changes. A pump that stands goes on standing, and a bolus or priming ends at once. Whether another one stands still or falls back to its minimum rate is said by its profile for the drugs that it holds; at an overdose it stands still. */
export function stopParts(t: Therapy, lib: LibraryContent | null, overdose: boolean): Part[] {
  const line = lines(true);
  const { program: p, contents: c, run } = t.report.state;
  const runs = cutShort[t.report.busy];
  const ends = overdose ? 'nothing' : 'nothing, or what the minimum rate gives';
  return [{ title: 'The pump', rows: [
    line('It is', runWords[run] ?? 'not known', overdose || run === STANDS ? runWords[STANDS]! : 'stopped, or at minimum rate as its drugs need'),
    ...c.ingredients.map((i) => { const f = drugOf(lib, i.code); return line(`${f.name} a day`, run === 1 ? `${dose(f, mass(meanDay(p), concOf(c, i.code)))} ${f.unit}` : run === STANDS ? 'nothing' : 'only the minimum rate', run === STANDS ? 'nothing' : ends); }),
    ...(runs ? [line(runs, 'runs', 'ends at once')] : []),
    line('Patient boluses', p.ptm && run === 1 ? 'allowed' : 'none', 'none'),
    ...(t.report.bridge ? [line('Bridge', 'runs or waits', 'waits until the pump is resumed')] : []),
    alone('Program and contents', 'kept, for when it is resumed'),
  ] }];
}
