import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { devices, type Reading } from '../api/devices';
import type { PumpRow } from '../api/types';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { FileImport } from '../ui/FileImport';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Age, Stamp } from '../ui/Time';
import { millilitres, millilitresPerDay } from '../units/quantity';
import { ProgramCurve } from './ProgramCurve';
import { ReadingForm } from './ReadingForm';

const sourceWord: Record<Reading['source'], string> = { programmer: 'read with a programmer', refill: 'read at a refill', report: 'reported', other: 'from elsewhere' };
const batteryWord: Record<Reading['battery'], string> = { '': '', ok: 'OK', eri: 'ERI: replacement is due', eos: 'EOS: end of service' };

/** What people read off a pump themselves. It stands by itself: none of it is what the pump computes, senses or signs. */
export default function Readings({ row }: { row: PumpRow }) {
  const me = useMe();
  const queries = useQueryClient();
  const [form, setForm] = useState<'new' | 'file' | Reading | null>(null);
  const query = useQuery({ queryKey: ['readings', row.id], queryFn: () => devices.readings(row.id) });
  const may = hasRole(me, row.site, ['engineer', 'prescriber', 'verifier', 'nurse']) && row.status !== 'retired';
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['readings', row.id] });
    setForm(null);
  };
  const newest = query.data?.find((r) => r.superseded_by === null);
  return (
    <section aria-label="Readings by people" className={css.page}>
      <div className={css.head}>
        <p className={css.muted}>Read and typed by people. Never mixed with what the pump says itself.</p>
        {may && <div className={css.tools}><Button variant="default" onClick={() => setForm('file')}>Import a file</Button><Button onClick={() => setForm('new')}>Record a reading</Button></div>}
      </div>
      {query.isPending && <><Loading what="readings" /><Ghost width="100%" height={160} /></>}
      {query.isError && !query.data && <Trouble what="The readings" error={query.error} retry={() => void query.refetch()} />}
      {query.isError && query.data && <NotCurrent of={query} />}
      {query.data?.length === 0 && <Empty title="Nobody has recorded a reading">{row.status === 'manual' ? 'This pump has no link. What it does is known only from what people record here.' : 'What the pump says itself is on the tab Live.'}</Empty>}
      {newest && <Newest of={newest} />}
      {query.data && query.data.length > 0 && <Table rows={query.data} onCorrect={may ? setForm : undefined} />}
      {form === 'new' && <Dialog title={`Reading of pump ${row.serial}`} onClose={() => setForm(null)}><ReadingForm row={row} onDone={done} onClose={() => setForm(null)} /></Dialog>}
      {form === 'file' && (
        <Dialog title="Record the readings of a file" onClose={() => setForm(null)}>
          <FileImport things="readings" example="serial,taken_at,taken_by,source,residual_ml,rate_ml_day,battery,alarms,program,note" onDone={() => void queries.invalidateQueries({ queryKey: ['readings'] })} run={devices.readingsFile}>
            <p>One line for each reading, of any pump of your sites. The first three columns are required. A time carries its zone, such as 2026-01-31T14:05+01:00; numbers have a decimal point; alarms are separated by blanks, and “none” says that somebody looked.</p>
          </FileImport>
        </Dialog>
      )}
      {form !== null && typeof form === 'object' && <Dialog title={`Correct the reading of ${row.serial}`} onClose={() => setForm(null)}><ReadingForm row={row} wrong={form} onDone={done} onClose={() => setForm(null)} /></Dialog>}
    </section>
  );
}

function Newest({ of: r }: { of: Reading }) {
  return (
    <dl className={css.facts}>
      <div><dt className="label">Newest reading</dt><dd><strong><Age at={r.taken_at} /></strong> <span className="label"><Stamp at={r.taken_at} full />, {sourceWord[r.source]} by {r.taken_by}, {r.imported ? 'imported' : 'typed'} by {r.recorded_by}</span></dd></div>
      {r.residual_nl !== null && <div><dt className="label">Residual, by programmer</dt><dd><strong>{millilitres(r.residual_nl)}</strong><span className="unit">mL</span></dd></div>}
      {r.rate_nl_day !== null && <div><dt className="label">Rate, as read</dt><dd><strong>{millilitresPerDay(r.rate_nl_day)}</strong><span className="unit">mL/day</span></dd></div>}
      {r.battery !== '' && <div><dt className="label">Battery</dt><dd><strong>{batteryWord[r.battery]}</strong></dd></div>}
      {r.alarms_seen && <div><dt className="label">Alarms seen</dt><dd>{r.alarms.length === 0 ? 'none' : <span className="mono">{r.alarms.join(' ')}</span>}</dd></div>}
      {r.program && <div><dt className="label">Program, as read</dt><dd>{r.program}</dd></div>}
      {r.steps.length > 0 && <div><dt className="label">Its day</dt><dd><ProgramCurve program={{ hash: '', mode: 'as_read', cycle_s: 86_400, segments: r.steps }} /></dd></div>}
    </dl>
  );
}

function Table({ rows, onCorrect }: { rows: readonly Reading[]; onCorrect: ((r: Reading) => void) | undefined }) {
  return (
    <div className={css.wrap} role="region" aria-label="All readings" tabIndex={0}>
      <table className={`${css.table} ${css.cards}`}>
        <caption className="sr-only">Readings by people, newest first</caption>
        <thead><tr><th scope="col">Taken</th><th scope="col" className={css.num}>Residual, mL</th><th scope="col" className={css.num}>Rate, mL/day</th><th scope="col">Battery</th><th scope="col">Alarms</th><th scope="col">Program, note</th><th scope="col">By</th><th scope="col"><span className="sr-only">Correct</span></th></tr></thead>
        <tbody>
          {rows.map((r) => {
            const wrong = r.superseded_by !== null;
            return (
              <tr key={r.id} className={wrong ? css.muted : undefined}>
                <td data-name="Taken" className={css.fixed}><span><Stamp at={r.taken_at} /> {wrong && <span className={css.tag} data-quiet>corrected</span>}</span></td>
                <td data-name="Residual, mL" className={css.num}><Struck on={wrong}>{r.residual_nl === null ? '' : millilitres(r.residual_nl)}</Struck></td>
                <td data-name="Rate, mL/day" className={css.num}><Struck on={wrong}>{r.rate_nl_day === null ? '' : millilitresPerDay(r.rate_nl_day)}</Struck></td>
                <td data-name="Battery">{r.battery.toUpperCase()}</td>
                <td data-name="Alarms" className="mono">{r.alarms.join(' ') || (r.alarms_seen ? 'none' : '')}</td>
                <td data-name="Program, note">{[r.program, r.note].filter(Boolean).join(' · ')}{r.reason && <span className="label"> Correction: {r.reason}</span>}</td>
                <td data-name="By"><span>{r.taken_by} <span className="label">{r.imported ? 'imported' : 'typed'} by {r.recorded_by} <Stamp at={r.recorded_at} /></span></span></td>
                <td data-name="">{onCorrect && !wrong && <Button variant="subtle" size="compact-sm" onClick={() => onCorrect(r)}>Correct…</Button>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Struck({ on, children }: { on: boolean; children: string }) {
  return on && children ? <s>{children}</s> : children;
}
