import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { fleetApi } from '../api/fleet';
import { words } from '../api/problem';
import { Button } from '../ui/Button';
import { Line } from '../ui/Field';

/** The tags of a pump as words. Only what was changed here is asked for, so that what others add meanwhile stays. */
export function TagsForm({ pump, tags, onClose }: { pump: string; tags: readonly string[]; onClose: () => void }) {
  const queries = useQueryClient();
  const [before] = useState(tags);
  const [text, setText] = useState(tags.join(' '));
  const wanted = [...new Set(text.toLowerCase().split(/[\s,]+/).filter(Boolean))];
  const add = wanted.filter((t) => !before.includes(t));
  const remove = before.filter((t) => !wanted.includes(t));
  const run = useMutation({
    mutationFn: () => fleetApi.tagPump(pump, add, remove),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ['tags'] });
      onClose();
    },
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (add.length + remove.length === 0) onClose();
    else if (!run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <Line label="Tags" description="Small letters, digits, dots and hyphens; blanks between them" value={text} onText={setText} data-autofocus />
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>Keep</Button></div>
    </form>
  );
}
