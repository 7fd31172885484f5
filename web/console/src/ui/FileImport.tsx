import { FileButton } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import type { ImportReport } from '../api/devices';
import { words } from '../api/problem';
import { Button } from './Button';
import css from './Table.module.css';

interface Props {
  /** What the file must look like. */
  children: ReactNode;
  /** The first line of a file, for the impatient. */
  example: string;
  things: string;
  run: (file: string, dry: boolean) => Promise<ImportReport>;
  onDone: () => void;
  /** Something that must be chosen first. */
  ready?: boolean;
}

/** A file is checked first, line by line, without changing anything; then its good lines can be kept. */
export function FileImport({ children, example, things, run, onDone, ready = true }: Props) {
  const [file, setFile] = useState<{ name: string; text: string } | null>(null);
  const check = useMutation({ mutationFn: (text: string) => run(text, true) });
  const keep = useMutation({ mutationFn: (text: string) => run(text, false), onSuccess: onDone });
  const choose = async (f: File | null) => {
    if (!f) return;
    const text = await f.text();
    setFile({ name: f.name, text });
    keep.reset();
    check.mutate(text);
  };
  const report = keep.data ?? check.data;
  const error = keep.error ?? check.error;
  return (
    <div className={alarmCss.form}>
      {children}
      <p className="label">First line: <code>{example}</code></p>
      <div className={css.row}>
        <FileButton onChange={(f) => void choose(f)} accept=".csv,text/csv">{(p) => <Button variant="default" disabled={!ready} {...p}>Choose a file</Button>}</FileButton>
        {file && <span className="label">{file.name}</span>}
        {(check.isPending || keep.isPending) && <span role="status" className="label">{keep.isPending ? 'Keeping…' : 'Checking…'}</span>}
      </div>
      {error && <p role="alert" className={alarmCss.problem}>{words(error)}</p>}
      {report && !check.isPending && !error && (
        <>
          <p role="status"><strong>{report.created}</strong> {things} {keep.data ? 'kept' : 'can be kept'}, <strong>{report.refused}</strong> {report.refused === 1 ? 'line' : 'lines'} refused.{!keep.data && ' Nothing has changed yet.'}</p>
          {report.refused > 0 && (
            <div className={css.wrap} role="region" aria-label="Refused lines" tabIndex={0}>
              <table className={css.table}>
                <thead><tr><th scope="col" className={css.num}>Line</th><th scope="col">Serial</th><th scope="col">Column</th><th scope="col">Why</th></tr></thead>
                <tbody>{report.rows.filter((r) => r.status === 'refused').map((r) => <tr key={r.line}><td className={css.num}>{r.line}</td><td className="mono">{r.serial}</td><td>{r.field}</td><td>{r.error}</td></tr>)}</tbody>
              </table>
            </div>
          )}
          {!keep.data && file && report.created > 0 && <div className={alarmCss.buttons}><Button loading={keep.isPending} onClick={() => keep.mutate(file.text)}>Keep {report.created} {things}</Button></div>}
        </>
      )}
    </div>
  );
}
