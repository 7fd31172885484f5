import { TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { useShortcut } from '../app/shortcuts';
import { Button } from '../ui/Button';
import css from './record.module.css';
import { backwards, fromLocal, recordQuery, type RecordSearch, toLocal } from './search';
import { namesQuery } from './titles';

interface Props {
  search: RecordSearch;
  onChange: (part: RecordSearch) => void;
  onClear: () => void;
}

/** Who, what, object and time. What is typed counts when Enter is pressed or the field is left. */
export function Filters({ search, onChange, onClear }: Props) {
  const names = useQuery(namesQuery);
  const first = useRef<HTMLInputElement>(null);
  useShortcut('/', () => first.current?.focus());
  const on = Object.values(recordQuery(search)).some((v) => v !== undefined);
  const submit = (e: FormEvent) => e.preventDefault();
  const reversed = backwards(search) ? 'This is not after From: no entry can be between them.' : undefined;
  return (
    <form className={css.filters} role="search" aria-label="Filter the record" onSubmit={submit}>
      <Field box={first} label="What" value={search.kind ?? ''} placeholder="pump.register, or pump." list="record-kinds" onTake={(kind) => onChange({ kind })} />
      <datalist id="record-kinds">{names.data?.items.map((n) => <option key={n.name} value={n.name}>{n.title}</option>)}</datalist>
      <Field label="Who" value={search.actor ?? ''} placeholder="person:7" onTake={(actor) => onChange({ actor })} />
      <Field label="Object" value={search.object ?? ''} placeholder="alarm:12" onTake={(object) => onChange({ object })} />
      <Field label="From" type="datetime-local" value={toLocal(search.from)} onTake={(v) => onChange({ from: v && fromLocal(v) })} />
      <Field label="To" type="datetime-local" error={reversed} value={toLocal(search.to)} onTake={(v) => onChange({ to: v && fromLocal(v) })} />
      {on && <Button variant="subtle" onClick={onClear}>Clear</Button>}
      {search.pump && <p className={css.only}>Only of pump {search.pump}. <Button variant="subtle" size="compact-sm" onClick={() => onChange({ pump: undefined })}>All pumps</Button></p>}
    </form>
  );
}

interface FieldProps {
  label: string;
  value: string;
  placeholder?: string;
  type?: 'text' | 'datetime-local';
  list?: string;
  error?: string | undefined;
  box?: React.RefObject<HTMLInputElement | null>;
  onTake: (value: string | undefined) => void;
}

function Field({ label, value, type = 'text', onTake, box, ...rest }: FieldProps) {
  const [text, setText] = useState(value);
  // The address may change by itself: Back, or Clear.
  const [was, setWas] = useState(value);
  if (was !== value) {
    setWas(value);
    setText(value);
  }
  const take = (v = text) => {
    if (v.trim() !== value) onTake(v.trim() === '' ? undefined : v.trim());
  };
  return (
    <TextInput
      {...rest} ref={box} className={css.field} label={label} type={type} value={text} spellCheck={false} autoComplete="off" maxLength={200}
      onChange={(e) => setText(e.currentTarget.value)} onBlur={() => take()}
      onKeyDown={(e) => { if (e.key === 'Enter') take(e.currentTarget.value); }}
    />
  );
}
