import { Link } from '@tanstack/react-router';
import { useId, useState } from 'react';
import type { LibraryContent, Trend as Data } from '../api/orders';
import { Icon } from '../ui/Icon';
import { Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import table from '../ui/Table.module.css';
import { Age, Stamp } from '../ui/Time';
import { changeText, drugOf, n } from './amounts';
import css from './Trend.module.css';
import orders from './orders.module.css';
import { useLibrary, useTrend } from './queries';
import { amount, codesOf, figure, given, type Of, stepText, unitOf, VOLUME } from './deliveries';
import { TrendChart } from './TrendChart';
import { TrendTable } from './TrendTable';
import { actWord } from './words';

/** What a pump delivered in the last 7 and 30 days, its patient's boluses, and the steps of its dose. Nothing in it is of a proposal. */
export default function Trend({ pump }: { pump: string }) {
  const id = useId();
  const q = useTrend(pump);
  const { lib, error, again } = useLibrary();
  return (
    <section className={orders.section} aria-labelledby={id} data-trend={pump}>
      <h2 id={id}>Delivered, and steps of the dose</h2>
      {q.isError && !q.data && <Trouble what="What the pump delivered" error={q.error} retry={() => void q.refetch()} />}
      {!lib && error !== null && error !== undefined && <Trouble what="The drug library" error={error} retry={again} />}
      {(q.isPending || (q.data && !lib && !error)) && <><Loading what="what the pump delivered" /><Ghost width="100%" height={520} /></>}
      {q.isError && q.data && <NotCurrent what="This" of={q} />}
      {q.data && lib && <Shown trend={q.data} lib={lib} />}
    </section>
  );
}

function Shown({ trend: t, lib }: { trend: Data; lib: LibraryContent }) {
  const all: Of[] = [...codesOf(t).map((code) => ({ ...drugOf(lib, code), code })), VOLUME];
  const [chosen, choose] = useState<number | null | undefined>();
  const [asTable, setTable] = useState(false);
  // A dose where one is known; else the volume, which needs no contents.
  const of = all.find((x) => x.code === chosen) ?? all.find((x) => t.days.some((d) => d.coverage !== 'none' && given(d, x) !== null)) ?? all[0]!;
  const heard = t.days.some((d) => d.coverage !== 'none');
  return (
    <>
      <Facts trend={t} of={of} lib={lib} />
      <p className="label">Sums are of whole days before today, by the clock of the pump’s site ({t.time_zone}).</p>
      {heard ? (
        <figure className={css.figure} aria-label="Day by day">
          <div className={css.tools} data-screen>
            <fieldset className={table.switch}>
              <legend className="sr-only">What is drawn</legend>
              {all.map((x) => <button key={x.name} type="button" aria-pressed={x === of} onClick={() => choose(x.code)}>{x.name}</button>)}
            </fieldset>
            <button type="button" className={css.tableButton} aria-pressed={asTable} onClick={() => setTable(!asTable)}><Icon name="table" size={14} /> As a table</button>
          </div>
          {asTable ? <TrendTable trend={t} all={all} /> : <TrendChart of={of} trend={t} />}
        </figure>
      ) : <p className={orders.quiet}>Nothing is known of what this pump delivered in these {t.days.length - 1} days: it takes two of its readings to count by.</p>}
      <Steps trend={t} lib={lib} />
    </>
  );
}

/** The sums, and how long ago the last step was. */
function Facts({ trend: t, of, lib }: { trend: Data; of: Of; lib: LibraryContent }) {
  const last = t.last_step;
  const first = last?.changes[0];
  return (
    <dl className={orders.totals}>
      {t.totals.map((s) => {
        const v = of.code === null ? s.delivered_nl : s.doses.find((d) => d.code === of.code)?.ng ?? null;
        const all = of.code === null ? s.complete : s.doses_complete;
        return (
          <div key={s.days}>
            <dt className="label">{of.name}, {s.days} days</dt>
            {v === null ? <dd>not known</dd> : <dd>{!all && <small className={css.least}>at least</small>}{figure(of, n(v))}<small>{unitOf(of)}</small></dd>}
            <dd className="label">{v !== null && all ? `${amount(of, n(v) / BigInt(s.days))} a day` : `${s.whole_days} of ${s.days} days known whole`}</dd>
          </div>
        );
      })}
      <div>
        <dt className="label">Last step</dt>
        {last ? <dd><Age at={last.at} /></dd> : <dd>none known</dd>}
        <dd className="label">{first && (first.was_day_ng === null ? '' : `${drugOf(lib, first.code).name} ${changeText(n(first.was_day_ng), n(first.is_day_ng))}; `)}{t.steps_30d === 0 ? 'no step' : t.steps_30d === 1 ? '1 step' : `${t.steps_30d} steps`} in 30 days</dd>
      </div>
      {t.totals.map((s) => (
        <div key={s.days}>
          <dt className="label">Patient boluses, {s.days} days</dt>
          {s.boluses_requested === null ? <dd>not known</dd> : <dd>{!s.complete && <small className={css.least}>at least</small>}{s.boluses_given}<small>given</small></dd>}
          <dd className="label">{s.boluses_requested === null ? 'the pump’s count is not known' : `${s.boluses_requested} asked for, ${s.boluses_denied} denied`}</dd>
        </div>
      ))}
    </dl>
  );
}

function Steps({ trend: t, lib }: { trend: Data; lib: LibraryContent }) {
  const id = useId();
  const shown = t.steps.length > 0 || t.last_step === null ? t.steps : [t.last_step];
  return (
    <>
      <h3 id={id} className="label">{t.steps.length === 0 && t.last_step ? 'The last step, before these days' : `Steps of the dose in ${t.days.length - 1} days`}</h3>
      {shown.length === 0 ? <p className={orders.quiet}>None. An order that changes the dose of a day is a step once the pump has applied it.</p> : (
        <ol className={css.steps} aria-labelledby={id}>
          {shown.map((s) => (
            <li key={`${s.at} ${s.order}`}>
              <p className="label"><Stamp at={s.at} />{s.order ? <> · <Link className="link" to="/orders/$id" params={{ id: s.order }} search={{}}>{actWord[s.act] ?? s.act}, order {s.order}</Link></> : <> · {actWord[s.act] ?? s.act}, at another site</>}</p>
              {s.changes.map((c) => { const f = drugOf(lib, c.code); return <p key={c.code}>{f.name} {stepText(c, f)}</p>; })}
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
