import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type OrderCatch, type OrderFigures, type OrderWeek, reports } from '../api/reports';
import { useArrived } from '../app/useArrived';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import order from '../orders/orders.module.css';
import { Button } from '../ui/Button';
import { Choice } from '../ui/Field';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { Download } from '../ui/Download';
import { Steps } from './Steps';

const spans = [{ value: '30', label: 'The last 30 days' }, { value: '90', label: 'The last 90 days' }, { value: '365', label: 'The last year' }];

/** The share of a whole, "97 %"; nothing where there is no whole. Rounded down, so that "100 %" means all. */
export const share = (part: number, whole: number): string => (whole === 0 ? '–' : `${Math.floor((part * 100) / whole)} %`);

/** What one's sites learn from their orders: how many doses stay within the library, what was passed, and what was caught. */
export default function ReportsPage() {
  const [days, setDays] = useState('90');
  const n = Number(days);
  useTitle('Reports', { title: `Reports on orders, ${spans.find((s) => s.value === days)!.label.toLowerCase()}` });
  const figures = useQuery({ queryKey: ['reports', 'figures', n], queryFn: () => reports.figures(n) });
  const weeks = useQuery({ queryKey: ['reports', 'weeks', n], queryFn: () => reports.weeks(n) });
  const catches = useQuery({ queryKey: ['reports', 'catches', n], queryFn: () => reports.catches(n) });
  const arrived = useArrived(!figures.isPending, !weeks.isPending, !catches.isPending);
  return (
    <div className={css.page}>
      <div className={css.head}>
        <h1 className="h1">Reports</h1>
        <div className={css.tools} data-screen>
          <Choice aria-label="Span of time" value={days} onChoose={setDays} data={spans} />
          <Button variant="default" onClick={() => window.print()}>Print</Button>
        </div>
      </div>
      <p className={css.muted}>Orders of your sites in {spans.find((s) => s.value === days)!.label.toLowerCase()}. Limits that are often passed are too tight or are worked around; both are worth a look.</p>
      {!arrived && <><Loading what="the reports" /><Ghost width="100%" height={64} /><Ghost width="100%" height={240} /></>}
      {arrived && (
        <>
          {figures.isPending && <><Loading what="the figures" /><Ghost width="100%" height={64} /></>}
          {figures.isError && !figures.data && <Trouble what="The figures" error={figures.error} retry={() => void figures.refetch()} />}
          {figures.data && <Figures of={figures.data} weeks={weeks.data} />}
          <section aria-labelledby="weeks" className={css.section}>
            <div className={css.head}><h2 id="weeks" className="h2">By site and week</h2><Download href={`/api/v1/order-report/file?what=weeks&days=${days}`}>CSV</Download></div>
            {weeks.isPending && <><Loading what="the weeks" /><Ghost width="100%" height={160} /></>}
            {weeks.isError && !weeks.data && <Trouble what="The report by week" error={weeks.error} retry={() => void weeks.refetch()} />}
            {weeks.data?.length === 0 && <Empty title="No orders in this time">What is proposed from now on is counted here.</Empty>}
            {weeks.data && weeks.data.length > 0 && <><Steps weeks={weeks.data} /><Weeks all={weeks.data} /></>}
          </section>
          <section aria-labelledby="catches" className={css.section}>
            <div className={css.head}><h2 id="catches" className="h2">Caught and passed</h2><Download href={`/api/v1/order-report/file?what=catches&days=${days}`}>CSV</Download></div>
            {catches.isPending && <><Loading what="what was caught" /><Ghost width="100%" height={160} /></>}
            {catches.isError && !catches.data && <Trouble what="What was caught" error={catches.error} retry={() => void catches.refetch()} />}
            {catches.data?.length === 0 && <p className={css.muted}>Nothing was caught, and no limit was passed.</p>}
            {catches.data && catches.data.length > 0 && <Catches all={catches.data} />}
          </section>
        </>
      )}
    </div>
  );
}

function Figures({ of: f, weeks }: { of: OrderFigures; weeks: readonly OrderWeek[] | undefined }) {
  const proposed = (weeks ?? []).reduce((k, w) => k + w.proposed, 0);
  const within = (weeks ?? []).reduce((k, w) => k + w.within, 0);
  const rows: [string, string | number, string][] = [
    ['Within the library', share(within, proposed), weeks ? `${within} of ${proposed} proposals kept to every soft limit` : 'not known: the report by week has not been read'],
    ['Good catches', f.good_catches, 'refused by a check or by a second person’s numbers, and not applied as they were'],
    ['Limits passed', f.overrides, 'soft limits and steps, each with a reason'],
    ['Increases', f.increases, `of ${f.applied} orders that pumps applied`],
    ['Acts of one person', f.one_signature, `${f.reviewed} looked at, ${f.reviewed_late} late`],
  ];
  return <dl className={order.totals}>{rows.map(([k, v, more]) => <div key={k}><dt className="label">{k}</dt><dd>{v}</dd><dd className="label">{more}</dd></div>)}</dl>;
}

function Weeks({ all }: { all: readonly OrderWeek[] }) {
  const sites = useSites();
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Orders by site and week, newest first</caption>
        <thead><tr><th scope="col">Week of</th><th scope="col">Site</th><th scope="col" className={css.num}>Proposed</th><th scope="col" className={css.num}>Within the library</th><th scope="col" className={css.num}>Soft limits passed</th><th scope="col" className={css.num}>Soft steps passed</th><th scope="col" className={css.num}>Caught by checks</th><th scope="col" className={css.num}>Numbers differed</th><th scope="col" className={css.num}>Applied</th><th scope="col" className={css.num}>Increases</th><th scope="col" className={css.num}>One signature</th></tr></thead>
        <tbody>
          {all.map((w) => (
            <tr key={`${w.monday}${w.site}`}>
              <td data-name="Week of" className={css.fixed}>{w.monday}</td>
              <td data-name="Site">{sites.short(w.site)}</td>
              <td data-name="Proposed" className={css.num}>{w.proposed}</td>
              <td data-name="Within the library" className={css.num}><span>{share(w.within, w.proposed)}</span></td>
              <td data-name="Soft limits passed" className={css.num}>{w.soft_limits}</td>
              <td data-name="Soft steps passed" className={css.num}>{w.soft_steps}</td>
              <td data-name="Caught by checks" className={css.num}>{w.caught}</td>
              <td data-name="Numbers differed" className={css.num}>{w.mismatches}</td>
              <td data-name="Applied" className={css.num}>{w.applied}</td>
              <td data-name="Increases" className={css.num}>{w.increases}</td>
              <td data-name="One signature" className={css.num}>{w.alone}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const kindWord: Record<OrderCatch['kind'], string> = { refused: 'Refused by a check', mismatch: 'Numbers differed', override: 'Passed with a reason' };
const codeWord: Record<string, string> = { soft_limit: 'soft limit', soft_step: 'soft step', MISMATCH: 'second person' };

function Catches({ all }: { all: readonly OrderCatch[] }) {
  const sites = useSites();
  return (
    <div className={css.wrap}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">What was caught and passed, newest first</caption>
        <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">By</th><th scope="col">Why</th><th scope="col">Where</th></tr></thead>
        <tbody>
          {all.map((c, i) => (
            <tr key={`${c.at}${c.pump}${c.code}${String(i)}`}>
              <td data-name="When" className={css.fixed}><Stamp at={c.at} /></td>
              <td data-name="What"><span className={css.tag} data-quiet={c.kind === 'override' || undefined}>{kindWord[c.kind]}</span></td>
              <td data-name="By">{codeWord[c.code] ?? <code>{c.code}</code>}</td>
              <td data-name="Why">{c.detail}</td>
              <td data-name="Where"><span>{c.order ? <Link className="link" to="/orders/$id" params={{ id: c.order }} search={{}}>Order {c.order}</Link> : <Link className="link" to="/pumps/$id" params={{ id: c.pump }} search={{ tab: 'therapy' }}>The pump</Link>} <span className="label">{sites.short(c.site)}</span></span></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
