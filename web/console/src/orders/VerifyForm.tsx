import { TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ClipboardEvent, type DragEvent, type FormEvent, useId, useState } from 'react';
import { type FormNumber, type LibraryContent, type Order, orders, type Source } from '../api/orders';
import { Button } from '../ui/Button';
import { Choice } from '../ui/Field';
import { Ghost, Trouble } from '../ui/states';
import { drugOf, readDose, readTime } from './amounts';
import { readZone } from './draft';
import { NewsList } from './News';
import css from './orders.module.css';
import { Refused } from './Refused';
import { sourceWord } from './words';

interface Asked {
  readonly label: string;
  readonly unit: string;
  /** What goes to the server: digits of the smallest unit, or text. */
  readonly read: (text: string) => { value: string } | { wrong: string };
}

const whole = (text: string): { value: string } | { wrong: string } => (/^(0|[1-9]\d{0,8})$/.test(text.trim()) ? { value: text.trim() } : { wrong: 'A whole number, in digits.' });

const minutes = (text: string): { value: string } | { wrong: string } => {
  const r = whole(text);
  return 'wrong' in r ? { wrong: 'Whole minutes, in digits.' } : { value: (BigInt(r.value) * 60n).toString() };
};

/** How a number of the form is asked for, in the units that people write. */
export function asked(f: FormNumber, lib: LibraryContent | null, act: string): Asked {
  const branch = f.name.startsWith('planned.') ? ' (as planned)' : '';
  const name = f.name.replace('planned.', '');
  const [kind, code] = name.split(':') as [string, string | undefined];
  const d = code === undefined ? null : drugOf(lib, Number(code));
  const mass = (decimals: number) => (text: string) => {
    const r = readDose(text, { unit: d!.unit, decimals });
    return 'wrong' in r ? r : { value: r.ng.toString() };
  };
  switch (kind) {
    case 'serial': return { label: 'Serial of the pump', unit: '', read: (t) => (t.trim() === '' ? { wrong: 'Read it off the pump’s card or the programmer.' } : { value: t.trim() }) };
    case 'conc': return { label: `${d!.name}, concentration${branch}`, unit: `${d!.unit}/mL`, read: mass(6) };
    case 'day': return { label: `${d!.name} a day${branch}`, unit: `${d!.unit}/day`, read: mass(d!.decimals) };
    case 'once': return { label: `${d!.name} in the ${act === 'bolus' ? 'bolus' : 'priming bolus'}${branch}`, unit: d!.unit, read: mass(d!.decimals) };
    case 'over': return { label: act === 'bolus' ? 'The bolus is given over' : 'It is primed over', unit: 'min', read: minutes };
    case 'peak': return { label: `${d!.name}, the most in an hour${branch}`, unit: `${d!.unit}/h`, read: mass(d!.decimals + 1) };
    case 'peak_from': return { label: `The most in an hour is given from${branch}`, unit: 'hh:mm', read: (t) => { const s = readTime(t); return s === null ? { wrong: 'A time of the day, as 08:30.' } : { value: s.toString() }; } };
    case 'ptm': return { label: `${d!.name} in a patient bolus${branch}`, unit: d!.unit, read: mass(d!.decimals) };
    case 'patient': return { label: 'Patient, by the token on their card', unit: '', read: (t) => (t.trim() === '' ? { wrong: 'Read it off the patient’s card or record.' } : { value: t.trim() }) };
    case 'site': return { label: 'Site that the pump goes to', unit: '', read: (t) => (t.trim() === '' ? { wrong: 'Its name, or its short name.' } : { value: t.trim() }) };
    case 'zone': return { label: 'Time zone of the patient, from UTC', unit: '±hh:mm', read: (t) => { const s = readZone(t); return s === null ? { wrong: 'Hours and minutes from UTC, as +01:00.' } : { value: String(s) }; } };
    case 'ptm_over': return { label: `A patient bolus is given over${branch}`, unit: 'min', read: minutes };
    case 'ptm_max': return { label: `Patient boluses in 24 h, at most${branch}`, unit: '', read: whole };
    case 'ptm_lockout': return { label: `Lockout between patient boluses${branch}`, unit: 'min', read: minutes };
    case 'low_alarm': return { label: 'Low-reservoir alarm at', unit: 'mL', read: volume };
    case 'ptm_denied': return { label: 'Alarm above so many denied patient boluses in 24 h; 0 is never', unit: '', read: whole };
    case 'filled': return { label: 'Volume filled in', unit: 'mL', read: volume };
    case 'volume': return { label: 'Volume in the reservoir', unit: 'mL', read: volume };
    default: return { label: f.name, unit: f.unit, read: whole };
  }
}
function volume(text: string): { value: string } | { wrong: string } {
  const r = readDose(text, { unit: 'mg', decimals: 6 });
  return 'wrong' in r ? r : { value: r.ng.toString() };
}

/** What is entered in letters, or with a sign that a pad of digits does not have. */
const words = new Set(['serial', 'patient', 'site', 'zone', 'peak_from']);

const blocked = { onPaste: (e: ClipboardEvent) => e.preventDefault(), onDrop: (e: DragEvent) => e.preventDefault() };

/** The blind entry: numbers from one's own source, typed before the proposal's are seen. The server compares. */
export function VerifyForm({ order, lib }: { order: Order; lib: LibraryContent | null }) {
  const queries = useQueryClient();
  const form = useQuery({ queryKey: ['orders', 'form', order.id, order.rev], queryFn: () => orders.form(order.id), staleTime: Infinity });
  const [values, setValues] = useState<Record<string, string>>({});
  const [source, setSource] = useState<Source | ''>('');
  const [tried, setTried] = useState(false);
  const sum = useId();
  const all = (form.data?.numbers ?? []).map((f) => ({ f, a: asked(f, lib, order.act), text: values[f.name] ?? '' }));
  const run = useMutation({
    mutationFn: () => orders.verify(order.id, source as Source, all.flatMap(({ f, a, text }) => { const r = a.read(text); return 'value' in r ? [{ name: f.name, value: r.value }] : []; })),
    onSuccess: (r) => {
      setTried(false);
      if (r.match || r.left === 0) queries.setQueryData(['orders', 'one', order.id], r.order);
      void queries.invalidateQueries({ queryKey: ['orders'] });
    },
  });
  const wrong = all.filter(({ a, text }) => 'wrong' in a.read(text));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (wrong.length === 0 && source !== '' && !run.isPending) run.mutate();
    else document.getElementById(sum)?.focus();
  };
  const differ = run.data && !run.data.match ? run.data.differ : [];
  return (
    <form className={css.panel} onSubmit={submit} noValidate autoComplete="off" aria-labelledby={`${sum}-h`}>
      <h2 id={`${sum}-h`}>Verify: enter the numbers from your own source</h2>
      <p>You see what {order.proposer.name} asks for after your entries agree with it. Take them from somewhere else than {order.proposer.name}: this is the independent check, and nothing replaces it. Pasting is off.</p>
      <NewsList order={order.id} />
      {form.isPending && <Ghost width="100%" height={200} />}
      {form.isError && <Trouble what="The form" error={form.error} retry={() => void form.refetch()} />}
      {form.data && (
        <>
          <Choice label="Where your numbers come from" value={source} onChoose={setSource} error={tried && source === '' ? 'Say where they come from.' : undefined}
            data={[{ value: '', label: 'Choose' }, ...form.data.sources.map((s) => ({ value: s, label: sourceWord[s] ?? s }))]} />
          <div className={css.fields}>
            {all.map(({ f, a, text }) => {
              const r = a.read(text);
              return (
                <TextInput key={f.name} label={a.label} name={`blind-${f.name}`} value={text} autoComplete="off" spellCheck={false} inputMode={words.has(f.name.replace('planned.', '')) ? 'text' : 'decimal'} {...blocked}
                  onChange={(e) => setValues({ ...values, [f.name]: e.currentTarget.value })}
                  rightSection={a.unit ? <span className="label">{a.unit}</span> : undefined} rightSectionWidth={a.unit ? 64 : undefined} rightSectionPointerEvents="none"
                  error={tried && 'wrong' in r ? r.wrong : differ.includes(f.name) && !run.isPending ? 'Differs from the order.' : undefined} />
              );
            })}
          </div>
          <div id={sum} tabIndex={-1} role="alert">
            {tried && (wrong.length > 0 || source === '') && <p>{wrong.length + (source === '' ? 1 : 0)} {wrong.length + (source === '' ? 1 : 0) === 1 ? 'entry is' : 'entries are'} not complete: {[...(source === '' ? ['the source'] : []), ...wrong.map(({ a }) => a.label)].join(', ')}.</p>}
            {run.isError && <Refused what="Not compared." error={run.error} />}
            {differ.length > 0 && <p className={css.note}><code>S_MISMATCH</code> <strong>{differ.length === 1 ? 'One number differs' : `${differ.length} numbers differ`}.</strong> {run.data!.left > 0 ? `Look at your source again. After ${run.data!.left} more ${run.data!.left === 1 ? 'difference' : 'differences'} the order goes back to ${order.proposer.name}.` : `The order went back to ${order.proposer.name} as a draft.`} It is noted.</p>}
          </div>
          <div className={css.buttons}><Button type="submit" loading={run.isPending}>Compare</Button></div>
        </>
      )}
    </form>
  );
}
