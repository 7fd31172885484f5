import { useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import type { Part } from '../api/types';
import { useTitle } from '../app/useTitle';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Age } from '../ui/Time';
import { Changed } from '../ui/Value';
import { useClock } from '../units/clock';
import { clock, parseTime, stamp } from '../units/time';
import { StateMark, stateWord } from './StateMark';
import css from './status.module.css';
import { timeLeft, written } from './words';

/** How the server does, once a second. What is not read is not shown as well. */
export default function StatusPage() {
  useTitle('System status');
  const query = useQuery({ queryKey: ['status'], queryFn: api.status, refetchInterval: 1000, staleTime: 0, retry: false });
  const at = parseTime(query.data?.at);
  const parts = query.data?.parts ?? [];
  const bad = parts.filter((p) => p.state !== 'ok');
  return (
    <div className={css.page} data-stale={query.isError || undefined}>
      <h1 className="h1">System status</h1>
      {query.isPending && <><Loading what="the status" /><Ghost width="100%" height={320} /></>}
      {query.isError && <Trouble what="The status" error={query.error} retry={() => void query.refetch()} />}
      {query.data && (
        <p className={css.sum}>
          {query.isError ? 'Not current: ' : ''}<StateMark state={query.data.state} />
          {at !== null && <span className="label"> at {clock(at)}</span>}
          {bad.length > 0 && <span>{bad.map((p) => `${p.title}: ${stateWord[p.state].toLowerCase()}`).join('. ')}.</span>}
        </p>
      )}
      <div className={css.parts}>{parts.map((p) => <PartCard key={p.name} part={p} />)}</div>
    </div>
  );
}

function PartCard({ part: p }: { part: Part }) {
  return (
    <section className={css.part} aria-label={p.title} data-state={p.state}>
      <h2 className="h2">{p.title} <StateMark state={p.state} /></h2>
      {p.detail && <p>{p.detail}</p>}
      <dl>{p.lines.map((l) => <LineRow key={l.name} line={l} />)}</dl>
    </section>
  );
}

function LineRow({ line: l }: { line: Part['lines'][number] }) {
  return (
    <div data-state={l.state}>
      <dt><StateMark state={l.state} quiet /> <span>{l.title}</span></dt>
      <dd>
        <LineValue line={l} />
        {l.detail && <span className={css.detail}>{l.detail}</span>}
      </dd>
    </div>
  );
}

function LineValue({ line: l }: { line: Part['lines'][number] }) {
  const at = parseTime(l.at);
  if (at !== null && l.unit === 'until') return <Until at={at} />;
  if (at !== null) return <Age at={l.at} />;
  if (l.value === null) return <span>{l.text}</span>;
  const { number, unit } = written(l.value, l.unit);
  return <span><Changed of={number}>{number}</Changed>{unit && <span className="unit">{unit}</span>}{l.text && <span className="label"> {l.text}</span>}</span>;
}

function Until({ at }: { at: number }) {
  const text = useClock((now) => timeLeft(at - now));
  return <time dateTime={new Date(at).toISOString()} title={stamp(at)}>{text} <span className="label">{stamp(at).slice(0, 10)}</span></time>;
}
