import type { OrderLetter, Therapy } from '../api/orders';
import { Age } from '../ui/Time';
import { useClock } from '../units/clock';
import { clock, parseTime } from '../units/time';
import css from './orders.module.css';
import { stopAt, stopFailed, stopWaits, type StopAt } from './stopway';
import { useLeft } from './useLeft';
import { runWords } from './words';

/** That no stop reaches a pump now, before anybody signs one and after. connected: null is not known. */
export function Unreached({ connected, heard }: { connected: boolean | null; heard: string | null }) {
  if (connected === true) return null;
  return (
    <div className={css.note} data-unreached>
      <p role="alert">
        {connected === false ? <><strong>The pump is not connected: the stop will not reach it now.</strong> Go to the bedside and stop it there, with the clinic’s own programmer.</>
          : <><strong>Whether the pump is connected is not known.</strong> Do not wait for this page: be ready to stop it at the bedside.</>}
      </p>
      {/* Beside what is read aloud, not in it: it ticks. */}
      {connected === false && <p className="label">Heard <Age at={heard} />.</p>}
    </div>
  );
}

const said: Record<StopAt, string> = {
  queued: 'The stop is signed and on its way.', sent: 'The stop is signed and on its way: sent, not answered.', late: 'The stop’s time is over, and the pump has not answered.', applied: 'The pump has answered: it took the stop.',
  refused: 'The pump has refused the stop. It goes on as before.', expired: 'The pump has not answered. This stop applies no more.',
};

/** What the pump does, as it said in its answer to a stop or after it; null is not known yet. */
function runSince(l: OrderLetter, t: Therapy | null): number | null {
  const [answered, read] = [parseTime(l.answered_at), parseTime(t?.at)];
  return t && answered !== null && read !== null && read >= answered ? t.report.state.run : null;
}

/** A stop that was signed, as it goes: what is known, until when it may apply, and what to do. mayPropose: whether who signed it may propose to resume, which only prescribers do. */
export function StopWay({ letter: l, therapy, connected, heard, mayPropose }: { letter: OrderLetter; therapy: Therapy | null; connected: boolean | null; heard: string | null; mayPropose: boolean }) {
  const at = useClock((now) => stopAt(l, now));
  const left = useLeft(l.not_after);
  const until = parseTime(l.not_after);
  const run = runSince(l, therapy);
  return (
    <>
      <div role={stopFailed(at) ? 'alert' : 'status'} data-stop={at}>
        <p className={css.state}><span aria-hidden>{at === 'applied' ? '●' : stopWaits(at) ? '◐' : '○'}</span>{said[at]}</p>
        {at === 'queued' && <p>It waits for nothing and leaves as soon as the pump is connected.</p>}
        {(at === 'queued' || at === 'sent') && <p>It is sent again until the pump answers. <strong>Sent is not stopped.</strong></p>}
        {at === 'applied' && <p>{run === 3 ? 'It says that it stands.' : run === 2 ? `It says that it is ${runWords[2]}, as its drugs need.` : 'What it runs now comes with its next word.'} Watch the patient for what the end of the drug does.</p>}
        {at === 'refused' && <p className={css.note}><code>{l.code}</code> {l.remedy}</p>}
        {at === 'late' && <p>Whether it took the stop before is not known until it is heard.</p>}
        {stopFailed(at) && <p><strong>Stop it at the bedside,</strong> with the clinic’s own programmer{at === 'late' ? '' : ', or sign another stop'}.</p>}
      </div>
      {/* What ticks stands beside what is read aloud. */}
      {(at === 'queued' || at === 'sent') && until !== null && <p>It may apply until {clock(until)}{left && <span className={css.count}>, {left}</span>}.</p>}
      {l.failed && !stopFailed(at) && <p className={css.note} role="alert"><strong>{at === 'applied' ? 'It took the stop and infuses, as far as is known.' : 'No answer yet: do not wait for it.'}</strong> Stop the pump at the bedside now, with the clinic’s own programmer.</p>}
      {(at === 'queued' || at === 'sent') && <Unreached connected={connected} heard={heard} />}
      {!stopFailed(at) && <p className="label">Somebody else looks at this within a day. {mayPropose ? 'You can resume it alone for an hour; later it needs two people.' : 'A prescriber and a second person resume it.'}</p>}
    </>
  );
}
