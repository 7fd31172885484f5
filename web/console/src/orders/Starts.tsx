import type { Prescription, Report } from '../api/orders';
import css from './orders.module.css';
import { runWords } from './words';

/** Whether an order starts a pump that stands or keeps only its tubing moving: a program or a visit does by itself. */
export function starts(p: Pick<Prescription, 'act' | 'program' | 'visit'>, run: number): boolean {
  const program = p.act === 'program' ? p.program : p.act === 'visit' ? p.visit?.planned.program : undefined;
  return run !== 1 && program !== undefined && program.mode !== 'stopped' && program.mode !== 'minimum';
}

/** Says so to whoever proposes, signs or releases it. After a lapse the dose to begin again with is lower (reference/domain.md 3.3). */
export function Starts({ order: p, report }: { order: Pick<Prescription, 'act' | 'program' | 'visit'>; report: Report }) {
  const { run, program } = report.state;
  if (!starts(p, run)) return null;
  return (
    <p className={css.note} data-starts><strong>This starts the pump.</strong> It is {runWords[run] ?? 'not infusing'} now; from the pump’s answer on it infuses the new program, without a “resume”.{program.segments.length > 0 && ' Tolerance falls while nothing is given, so what ran before may be too much to begin again with.'}</p>
  );
}
