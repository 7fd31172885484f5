import type { Contents, LibraryContent, Report } from '../api/orders';
import { duration } from '../units/time';
import { Age, Stamp } from '../ui/Time';
import { concText, dose, drugOf, mass, ml, n } from './amounts';
import css from './orders.module.css';
import { cleared, daily } from './path';

/**
 * What stands in the path although the reservoir holds something else: what the patient gets, how much of it is left by the pump's
 * own count of what it delivered, and until when that takes if nothing stops it.
 */
export function InPath({ report: r, at, lib }: { report: Report; at: string; lib: LibraryContent | null }) {
  const path = r.path ?? [];
  if (path.length === 0) return r.bridge ? <p className={css.note}><strong>A bridge bolus runs or waits.</strong> This pump does not say what it clears, nor how much of it is left.</p> : null;
  if (!lib) return null;
  const named = (c: Contents) => c.ingredients.map((i) => { const f = drugOf(lib, i.code); return `${f.name} ${concText(f, n(i.conc_ng_ml))} ${f.unit}/mL`; }).join(' + ');
  const first = path[0]!;
  const last = path[path.length - 1]!;
  const takes = cleared(r);
  const meanwhile = r.pace && first.contents.ingredients.map((i) => { const f = drugOf(lib, i.code); return `${dose(f, mass(daily(r.pace!), n(i.conc_ng_ml)))} ${f.unit} of ${f.name}`; }).join(' + ');
  return (
    <div className={css.note} data-path={last.left_nl}>
      <p>
        <strong>At the catheter’s tip is {named(first.contents)},</strong> not what the reservoir holds: {ml(n(first.left_nl), 3)} mL of it are left
        {path.slice(1).map((f, i) => <span key={f.left_nl}>, behind it {ml(n(f.left_nl) - n(path[i]!.left_nl), 3)} mL of {named(f.contents)}</span>)}. After that comes {named(r.state.contents)}.
      </p>
      {r.busy === 2 && meanwhile && <p>A priming bolus pushes it out now. If that is cut, what is left goes on at {meanwhile} a day, and no bolus is given before it has gone.</p>}
      {r.busy !== 2 && meanwhile && r.state.run === 1 && takes !== null && (
        <p>The bridge gives {meanwhile} a day, and nothing else flows. What is left takes <strong>{duration(Number(takes))}</strong>, until about <strong><Stamp at={new Date(Date.parse(at) + Number(takes) * 1000).toISOString()} /></strong> if nothing stops it. No bolus is given before.</p>
      )}
      {r.busy !== 2 && r.pace && r.state.run !== 1 && <p>{r.state.run === 2 ? 'At the minimum rate it leaves slowly.' : 'The pump stands, and so does it.'} The bridge goes on when the program does{takes !== null && <>, and takes {duration(Number(takes))} then</>}.</p>}
      {!r.pace && <p>No bridge clears it: a priming bolus was cut. Prime again, or order a program, which brings a bridge.</p>}
      <p className="label">By what the pump had delivered <Age at={at} />.</p>
    </div>
  );
}
