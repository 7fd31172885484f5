import { NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { NewToken, Scope } from '../api/types';
import { useSites } from '../app/useSites';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Dialog } from '../ui/Dialog';
import { Stamp } from '../ui/Time';
import { Form, oneLine } from './forms';
import css from './people.module.css';

const scopes: { scope: Scope; says: string }[] = [
  { scope: 'pumps.read', says: 'Pumps, their readings and history' },
  { scope: 'pumps.write', says: 'Register and import pumps, tags and groups' },
  { scope: 'alarms.read', says: 'Alarms' },
  { scope: 'events.read', says: 'The stream of what happens' },
  { scope: 'record.read', says: 'The record and its proofs' },
  { scope: 'people.read', says: 'Who has which role' },
  { scope: 'status.read', says: 'How the server does' },
];

export function MakeToken({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<NewToken | null>(null);
  return <Dialog title={made ? `The token ${made.made.name}` : 'Make a token'} onClose={onClose}>{made ? <Shown made={made} onClose={onClose} /> : <MakeForm onMade={setMade} onClose={onClose} />}</Dialog>;
}

function MakeForm({ onMade, onClose }: { onMade: (t: NewToken) => void; onClose: () => void }) {
  const queries = useQueryClient();
  const sites = useSites().list;
  const [name, setName] = useState('');
  const [wants, setWants] = useState<ReadonlySet<Scope>>(new Set());
  const [at, setAt] = useState<ReadonlySet<string>>(new Set());
  const [days, setDays] = useState('30');
  const where = sites.length === 1 ? new Set([sites[0]!.id]) : at;
  const run = useMutation({
    mutationFn: () => api.createToken({ name: oneLine(name), scopes: [...wants], sites: [...where], days: Number.parseInt(days, 10) }),
    onSuccess: (t) => {
      void queries.invalidateQueries({ queryKey: ['tokens'] });
      onMade(t);
    },
  });
  const ready = name.trim() !== '' && wants.size > 0 && where.size > 0;
  return (
    <Form ready={ready} pending={run.isPending} error={run.error} button="Make the token" onSubmit={() => run.mutate()} onClose={onClose}>
      {(tried) => (
        <>
          <TextInput label="Name" description="What it is for." value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={100} autoComplete="off" data-autofocus error={tried && name.trim() === '' ? 'Say what it is for.' : undefined} />
          <fieldset className={css.choices}>
            <legend className="label">What it may ask</legend>
            {scopes.map((s) => <Check key={s.scope} label={<>{s.says} <code className="label">{s.scope}</code></>} checked={wants.has(s.scope)} onChange={(e) => setWants(toggled(wants, s.scope, e.currentTarget.checked))} />)}
            {tried && wants.size === 0 && <p role="alert">Choose at least one.</p>}
          </fieldset>
          {sites.length > 1 && (
            <fieldset className={css.choices}>
              <legend className="label">Where</legend>
              {sites.map((s) => <Check key={s.id} label={s.name} checked={at.has(s.id)} onChange={(e) => setAt(toggled(at, s.id, e.currentTarget.checked))} />)}
              {tried && at.size === 0 && <p role="alert">Choose at least one.</p>}
            </fieldset>
          )}
          <NativeSelect label="It ends after" value={days} onChange={(e) => setDays(e.currentTarget.value)} data={[{ value: '1', label: '1 day' }, { value: '7', label: '7 days' }, { value: '30', label: '30 days' }, { value: '90', label: '90 days' }]} />
        </>
      )}
    </Form>
  );
}

function toggled<T>(set: ReadonlySet<T>, value: T, on: boolean): ReadonlySet<T> {
  const next = new Set(set);
  if (on) next.add(value);
  else next.delete(value);
  return next;
}

/** The text, once. */
function Shown({ made, onClose }: { made: NewToken; onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(made.token);
    setCopied(true);
  };
  return (
    <div className={css.form}>
      <p><strong>Copy it now: it is not shown again.</strong> Whoever has it can do what it is for, until <Stamp at={made.made.expires_at} />. Keep it in a file that only you can read.</p>
      <pre className={css.secret} tabIndex={0} aria-label="The token">{made.token}</pre>
      <p className="label">On the command line: set <code>CISTERNA_TOKEN</code>, or give the file with <code>--token-file</code>. In requests: <code>Authorization: Bearer</code> and the token.</p>
      <div className={css.buttons}>
        <span role="status" className="label">{copied ? 'Copied.' : ''}</span>
        <Button variant="default" onClick={() => void copy()}>Copy</Button>
        <Button onClick={onClose} data-autofocus>Done</Button>
      </div>
    </div>
  );
}
