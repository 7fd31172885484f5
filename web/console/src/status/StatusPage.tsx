import { useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import type { Part } from '../api/types';
import { useTitle } from '../app/useTitle';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Changed } from '../ui/Value';
import { clock, parseTime } from '../units/time';
import css from './status.module.css';

const names: Record<string, string> = {
  database: 'Database', endpoint: 'Endpoint of the pumps', ingest: 'Ingest', record: 'Record', feed: 'Live feed', events: 'Stream of events', server: 'Server',
};
const states = { ok: 'Works', degraded: 'Degraded', down: 'Down' } as const;

/** How the server does, once a second. What is not read is not shown as well. */
export default function StatusPage() {
  useTitle('System status');
  const query = useQuery({ queryKey: ['status'], queryFn: api.status, refetchInterval: 1000, staleTime: 0, retry: false });
  const at = parseTime(query.data?.at);
  return (
    <div className={css.page} data-stale={query.isError || undefined}>
      <h1 className="h1">System status</h1>
      {query.isPending && <><Loading what="the status" /><Ghost width="100%" height={320} /></>}
      {query.isError && <Trouble what="The status" error={query.error} retry={() => void query.refetch()} />}
      {query.data && <p className={css.sum}>{query.isError ? 'Not current: ' : ''}<strong>{states[query.data.state]}</strong>{at !== null && <span className="label"> at {clock(at)}</span>}</p>}
      <div className={css.parts}>{merged(query.data?.parts ?? []).map((p) => <PartCard key={p.name} part={p} />)}</div>
    </div>
  );
}

const rank = { ok: 0, degraded: 1, down: 2 } as const;

/** What is told of a part in several places, told once. */
function merged(parts: readonly Part[]): Part[] {
  const out = new Map<string, Part>();
  for (const p of parts) {
    const old = out.get(p.name);
    out.set(p.name, old ? { name: p.name, state: rank[p.state] > rank[old.state] ? p.state : old.state, detail: [old.detail, p.detail].filter(Boolean).join(' '), values: { ...old.values, ...p.values } } : p);
  }
  return [...out.values()];
}

/** "lag_ms" is "lag" and "ms"; "records_per_min" is "records" and "per min". */
function named(key: string): { word: string; unit: string } {
  const m = /^(.*?)_(ms|us|s|per_min|bytes|mb|pct)$/.exec(key);
  return { word: (m ? m[1]! : key).replaceAll('_', ' '), unit: m ? m[2]!.replace('_', ' ').replace('us', 'µs').replace('mb', 'MB').replace('pct', '%') : '' };
}

function PartCard({ part: p }: { part: Part }) {
  return (
    <section className={css.part} aria-label={names[p.name] ?? p.name} data-state={p.state}>
      <h2 className="h2">{names[p.name] ?? p.name} <span className={css.state}>{states[p.state]}</span></h2>
      {p.detail && <p>{p.detail}</p>}
      <dl>
        {Object.entries(p.values).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, v]) => {
          const { word, unit } = named(key);
          return <div key={key}><dt>{word}</dt><dd><Changed of={v}>{v}</Changed>{unit && <span className="unit">{unit}</span>}</dd></div>;
        })}
      </dl>
    </section>
  );
}
