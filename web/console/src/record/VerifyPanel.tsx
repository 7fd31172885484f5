import { TextInput } from '@mantine/core';
import { queryOptions, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import { isCancelled } from '../session/stepup';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Ghost, Trouble } from '../ui/states';
import { save } from '../ui/Download';
import { clock } from '../units/time';
import css from './record.module.css';
import { toHex } from './verify/bytes';
import { forgetKey, remember, remembered, trusted, typeKey, type Trust } from './verify/trust';
import { type Report, type Source, verifyRecord } from './verify/verify';

const LAST = 1000;

export const checkpointQuery = queryOptions({ queryKey: ['checkpoint'], queryFn: api.checkpoint, refetchInterval: 10_000, retry: false });

const source: Source = {
  newest: async () => (await api.checkpoint()).text,
  stretch: api.auditLeaves,
  consistency: async (from) => (await api.auditConsistency(from)).hashes,
};

type Run =
  | { state: 'idle' }
  | { state: 'running'; done: number; of: number }
  | { state: 'done'; report: Report; trust: Trust; at: number }
  | { state: 'wrong'; what: string }
  | { state: 'failed'; error: unknown };

/** The newest checkpoint, and the verification of the record in this browser: nothing that the server says is believed. */
export function VerifyPanel({ onOpen }: { onOpen: (entry: string) => void }) {
  const me = useMe();
  const query = useQuery(checkpointQuery);
  const [run, setRun] = useState<Run>({ state: 'idle' });
  const [typing, setTyping] = useState(false);
  const stop = useRef<AbortController>(null);
  useEffect(() => () => stop.current?.abort(), []);

  const verify = async (from: number) => {
    stop.current = new AbortController();
    const { signal } = stop.current;
    setRun({ state: 'running', done: 0, of: 0 });
    try {
      const { keys: named } = await api.auditKeys();
      let trust: Trust;
      try {
        trust = await trusted(named);
      } catch (err) {
        setRun({ state: 'wrong', what: (err as Error).message });
        return;
      }
      const keys = [trust.key];
      const report = await verifyRecord(source, { keys, from, seen: await remembered(keys), signal, onProgress: (done, of) => setRun({ state: 'running', done, of }) });
      if (!report.failure && !report.stopped && report.head) remember(trust.key, report.head);
      setRun({ state: 'done', report, trust, at: Date.now() });
    } catch (error) {
      if (!signal.aborted) setRun({ state: 'failed', error });
    }
  };

  const size = query.data?.size ?? 0;
  const busy = run.state === 'running';
  return (
    <section className={css.panel} aria-label="Newest checkpoint">
      <div className={css.checkpoint}>
        <div>
          <h2 className="h2">Newest checkpoint</h2>
          {query.isPending && <Ghost width={96} height={40} />}
          {query.data && <p><span className={css.size}>{query.data.size}</span><span className="unit">entries</span></p>}
        </div>
        {query.isError && <Trouble what="The checkpoint" error={query.error} retry={() => void query.refetch()} />}
        {query.data && (
          <div>
            <pre className={css.note} tabIndex={0} aria-label="The checkpoint as signed">{query.data.text}</pre>
            <p className="label">Keep a copy elsewhere and compare it with <code>cisterna audit verify --seen</code>.</p>
          </div>
        )}
      </div>
      <div className={css.acts}>
        {!busy && <Button onClick={() => void verify(0)} disabled={size === 0}>Verify all</Button>}
        {!busy && size > LAST && <Button variant="default" onClick={() => void verify(size - LAST)}>Verify the newest {LAST}</Button>}
        {busy && <Button variant="default" onClick={() => stop.current?.abort()}>Stop</Button>}
        {busy && (
          <div className={css.progress} role="status">
            <progress value={run.done} max={Math.max(1, run.of)} aria-label="Verified" />
            <span>{run.of === 0 ? 'Reading…' : `${run.done} of ${run.of}`}</span>
          </div>
        )}
        <span className={css.gap} />
        {hasAnyRole(me, ['auditor', 'admin']) && <Export />}
        <Button variant="subtle" size="compact-sm" aria-expanded={typing} onClick={() => setTyping(!typing)}>Key of the record</Button>
      </div>
      {typing && <KeyForm onDone={() => { setTyping(false); setRun({ state: 'idle' }); }} />}
      <div aria-live="polite">
        {run.state === 'failed' && <Trouble what="The record" error={run.error} retry={() => void verify(0)} />}
        {run.state === 'wrong' && <div className={css.broken} role="alert"><p className={css.brokenTitle}>Not verified</p><p>{run.what}</p></div>}
        {run.state === 'done' && <Result {...run} onOpen={onOpen} />}
      </div>
    </section>
  );
}

const trustWords = {
  typed: 'a key that you typed in',
  known: 'the key that this browser knows from before',
  server: 'a key that this server has just named: compare it with the ceremony card',
} as const;

function Result({ report: r, trust, at, onOpen }: { report: Report; trust: Trust; at: number; onOpen: (entry: string) => void }) {
  if (r.failure) {
    const { entry } = r.failure;
    return (
      <div className={css.broken} role="alert" data-verdict="broken">
        <p className={css.brokenTitle}>The record is broken{r.failure.index === null ? '' : ` at entry ${r.failure.index}`}</p>
        <p>{r.failure.what}</p>
        <p>Verified before it: {r.leaves} entries from {r.from} on. Do not rely on what follows; call whoever keeps the record, and keep this page and an export.</p>
        {entry && <Button variant="default" onClick={() => onOpen(entry)}>Open the entry</Button>}
      </div>
    );
  }
  return (
    <div className={css.verdict} data-verdict={r.stopped ? 'stopped' : 'good'}>
      <p className={css.good}>{r.stopped ? `Stopped: entries ${r.from} to ${r.to - 1} are good as far as they were read` : r.leaves === 0 ? 'There is nothing to verify yet' : `Entries ${r.from} to ${r.to - 1} are as they were signed`}</p>
      <dl className={css.facts}>
        <div><dt>Leaves hashed here</dt><dd>{r.leaves - r.hidden}{r.hidden > 0 && <span className="label"> and {r.hidden} of other sites by their hash</span>}</dd></div>
        <div><dt>Details that match</dt><dd>{r.details}</dd></div>
        <div><dt>Checkpoints that agree</dt><dd>{r.checkpoints}</dd></div>
        {r.continues && <div><dt>Continues</dt><dd>what this browser verified before, {r.continues.size} entries</dd></div>}
        {r.head && <div><dt>Head to compare</dt><dd><code>{r.head.size} {toHex(r.head.root)}</code></dd></div>}
        <div><dt>Signed by</dt><dd><code>{trust.key.name}+{toHex(trust.key.id)}</code>, {trustWords[trust.from]}</dd></div>
        <div><dt>Verified</dt><dd>in this browser at {clock(at)}</dd></div>
      </dl>
    </div>
  );
}

function KeyForm({ onDone }: { onDone: () => void }) {
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  return (
    <form
      className={css.keyForm}
      onSubmit={(e) => {
        e.preventDefault();
        typeKey(text).then(onDone, (err) => setError((err as Error).message));
      }}
    >
      <TextInput label="Key from the ceremony card" description="The text after “record key”." value={text} error={error} onChange={(e) => { setText(e.currentTarget.value); setError(''); }} spellCheck={false} autoComplete="off" />
      <div className={css.acts}>
        <Button type="submit">Use this key</Button>
        <Button variant="default" onClick={() => { forgetKey(); onDone(); }}>Forget what this browser knows</Button>
      </div>
    </form>
  );
}

/** The whole record as a file, for those who may see all of it. It is signed for, and the record says so. */
function Export() {
  const [state, setState] = useState<'idle' | 'busy' | unknown>('idle');
  const take = async () => {
    setState('busy');
    try {
      save(await api.exportAudit());
      setState('idle');
    } catch (err) {
      setState(isCancelled(err) ? 'idle' : err);
    }
  };
  return (
    <>
      <Button variant="default" loading={state === 'busy'} onClick={() => void take()}>Export signed bundle</Button>
      {state !== 'idle' && state !== 'busy' && <Trouble what="The bundle" error={state} retry={() => void take()} />}
    </>
  );
}
