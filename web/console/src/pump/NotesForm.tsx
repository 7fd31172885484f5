import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { devices, type Notes } from '../api/devices';
import { Problem, words } from '../api/problem';
import type { PumpDetail } from '../api/types';
import { Button } from '../ui/Button';
import { Choice, Day, Line } from '../ui/Field';
import css from '../ui/Table.module.css';

type Text = { [K in keyof Notes]: Notes[K] extends string ? K : never }[keyof Notes];

/** What people note about a pump. If somebody else changed it meanwhile, nothing is kept and what was typed stays. */
export function NotesForm({ of: d, onClose }: { of: PumpDetail; onClose: () => void }) {
  const queries = useQueryClient();
  const [label, setLabel] = useState(d.label);
  const [n, setN] = useState(d.notes);
  const [mm, setMm] = useState(d.notes.catheter_length_mm ?? '');
  const [rev] = useState(d.facts_rev);
  const set = (name: Text) => (value: string) => setN({ ...n, [name]: value });
  const run = useMutation({
    mutationFn: () => devices.edit(d.id, rev, label, { ...n, catheter_length_mm: mm.trim() === '' ? null : mm.trim() }),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['pump', d.id] });
      onClose();
    },
  });
  const problem = (name: string) => (run.error instanceof Problem ? run.error.fields.find((f) => f.location.endsWith(name))?.message : undefined);
  const wrongLength = /^\d*$/.test(mm.trim()) ? undefined : 'A whole number of millimetres.';
  const line = (name: Text, text: string) => <Line label={text} value={n[name]} onText={set(name)} error={problem(name)} />;
  const day = (name: Text, text: string) => <Day label={text} value={n[name]} onText={set(name)} error={problem(name)} />;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!wrongLength && !run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <div className={css.grid2}>
        <Line label="What the site calls it" value={label} onText={setLabel} data-autofocus error={problem('label')} />
        {line('asset_no', 'Asset number')}
        {line('lot', 'Lot')}
        {day('made_on', 'Made on')}
        {day('use_by', 'Use by')}
        {day('implanted_on', 'Implanted on')}
        {line('pocket_site', 'Pocket')}
        <Choice label="Side" value={n.pocket_side} onChoose={set('pocket_side')} data={[{ value: '', label: 'Not known' }, { value: 'left', label: 'Left' }, { value: 'right', label: 'Right' }]} />
        {line('catheter_model', 'Catheter')}
        <Line label="Implanted length, mm" inputMode="numeric" value={mm} onText={setMm} error={wrongLength ?? problem('catheter_length_mm')} />
        {line('tip_level', 'Tip level, such as T10')}
        <Choice label="Side port" value={n.cap_present === null ? '' : n.cap_present ? 'yes' : 'no'} onChoose={(v) => setN({ ...n, cap_present: v === '' ? null : v === 'yes' })} data={[{ value: '', label: 'Not known' }, { value: 'yes', label: 'Present' }, { value: 'no', label: 'None' }]} />
        {day('last_alarm_test', 'Last alarm test')}
        <Choice label="MRI" value={n.mri_status} onChoose={set('mri_status')} data={[{ value: '', label: 'Not known' }, { value: 'conditional', label: 'Conditional' }, { value: 'unsafe', label: 'Unsafe' }]} />
        {day('warranty_until', 'Warranty until')}
      </div>
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>Keep</Button></div>
    </form>
  );
}
