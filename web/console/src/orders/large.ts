import type { Contents, Dose, DoseProgram } from '../api/orders';
import { concOf, factorText, isLarge, mass, meanDay, mostMass, n, slip } from './amounts';

/** Which changes of a dose are asked about once more (reference/console.md 6, line 23): of every ingredient, and of each figure in which a slipped decimal point would show. */

/** What one of an ingredient's figures is: its mean day, its worst day with every patient bolus, or what is given at once. */
export type Figure = 'day' | 'worst' | 'ptm' | 'bolus';

/** How an ingredient's figure changes, in ng. before 0: it is new; after 0: it ends. */
export interface Change {
  readonly code: number;
  readonly figure: Figure;
  readonly before: bigint;
  readonly after: bigint;
}

/** A program with what it is of. idle: the device's minimum rate, in nL a day. */
export interface Given { readonly program: DoseProgram; readonly contents: Contents; readonly idle?: bigint }

/** Changes by more than a quarter or about tenfold between two programs, the largest factor first. A drug that comes or goes beside others is one. */
export function largeChanges(was: Given, is: Given): Change[] {
  const codes = [...new Set([...was.contents.ingredients, ...is.contents.ingredients].map((i) => i.code))];
  const all = codes.flatMap((code): Change[] => {
    const of = (figure: Figure, amount: (g: Given, conc: bigint) => bigint): Change => ({ code, figure, before: amount(was, concOf(was.contents, code)), after: amount(is, concOf(is.contents, code)) });
    const day = of('day', (g, conc) => mass(meanDay(g.program), conc));
    const ptm = of('ptm', (g, conc) => mass(n(g.program.ptm?.volume_nl), conc));
    // Whether patients get boluses at all is in the worst day.
    return [day, of('worst', (g, conc) => (conc > 0n ? mostMass(g.program, conc, g.idle) : 0n)), ...(ptm.before > 0n && ptm.after > 0n ? [ptm] : [])];
  });
  return sorted(all);
}

/** The same for one bolus on top of what runs: beside a patient's bolus if there is one, and by the worst day with it. */
export function largeBolus(was: Given, bolus: Dose): Change[] {
  return sorted(was.contents.ingredients.flatMap(({ code }): Change[] => {
    const conc = concOf(was.contents, code);
    const [once, ptm, worst] = [mass(n(bolus.volume_nl), conc), mass(n(was.program.ptm?.volume_nl), conc), mostMass(was.program, conc, was.idle)];
    return [...(ptm > 0n ? [{ code, figure: 'bolus' as const, before: ptm, after: once }] : []), { code, figure: 'worst', before: worst, after: worst + once }];
  }));
}

/** What is large of changes, by factor: a drug that begins before one that ends, so that of a swapped drug the new one is confirmed, and both before all others. */
function sorted(all: Change[]): Change[] {
  const runs = all.some((c) => c.before > 0n);
  const large = all.filter((c) => runs && c.before !== c.after && (c.before === 0n ? c.figure === 'day' : isLarge(c.before, c.after) || slip(c.before, c.after) !== 0));
  const [up, down] = [(c: Change) => (c.after > c.before ? c.after : c.before), (c: Change) => (c.after > c.before ? c.before : c.after)];
  // The factor of a to b is up ÷ down; compared crosswise, so that nothing is divided.
  return large.toSorted((a, b) => { const d = up(b) * down(a) - up(a) * down(b); return d > 0n ? 1 : d < 0n ? -1 : Number(b.before === 0n) - Number(a.before === 0n); });
}

/** What is typed to confirm a change: its factor, or in a word that a drug is new. */
export const confirmBy = (c: Change): string => (c.before === 0n ? 'new' : c.after === 0n ? 'ends' : factorText(c.before, c.after));

/** What was typed, and the change that it was typed for. */
export interface Typed { readonly key: string; readonly text: string }

/** Names a change by all that is confirmed of it; undefined: there is none. */
export const changeKey = (c: Change | undefined): string => (c ? `${c.code} ${c.figure} ${c.before} ${c.after}` : '');

/** The words typed for a change; none if they were typed for another. */
export const typedFor = (t: Typed, c: Change | undefined): string => (t.key === changeKey(c) ? t.text : '');
