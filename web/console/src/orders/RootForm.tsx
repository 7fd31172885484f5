import { Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Button } from '../ui/Button';
import css from './orders.module.css';

const grouped = (hash: string) => hash.replaceAll(/(.{8})(?=.)/g, '$1 ');

/** The server names another root than this browser knows. Until a person has compared it with the card, nothing is signed. */
export function RootForm({ known, named, document, demos }: { known: string; named: string; document: string; demos: boolean }) {
  const queries = useQueryClient();
  const [typed, setTyped] = useState('');
  const [open, setOpen] = useState(false);
  const again = () => queries.invalidateQueries({ queryKey: ['orders', 'proof'] });
  const take = useMutation({
    mutationFn: async () => (await import('./root')).typeRoot(document, typed),
    onSuccess: async (wrong) => { if (wrong === null) await again(); },
  });
  const demo = useMutation({ mutationFn: async () => (await import('./root')).takeDemoRoot(document), onSuccess: again });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!take.isPending) take.mutate();
  };
  return (
    <div className={css.form}>
      <dl className={css.hashes}>
        <dt className="label">This browser knows</dt><dd className="mono">{grouped(known)}</dd>
        <dt className="label">The server names</dt><dd className="mono">{grouped(named)}</dd>
      </dl>
      {demos && <p>Both are demos’ roots: a demo that was reset has a new one.</p>}
      <div className={css.buttons}>
        {demos && <Button variant="default" size="compact-sm" onClick={() => demo.mutate()} loading={demo.isPending}>Take the new demo’s root</Button>}
        <Button variant="subtle" size="compact-sm" aria-expanded={open} onClick={() => setOpen(!open)}>Compare with the ceremony card…</Button>
      </div>
      {open && (
        <form onSubmit={submit} noValidate autoComplete="off" className={css.form}>
          <Textarea label="SHA-256 from the ceremony card" description="64 digits. Not from this screen." value={typed} onChange={(e) => setTyped(e.currentTarget.value)} rows={2} maxLength={100} spellCheck={false} error={take.data ?? undefined} />
          <div className={css.buttons}><Button type="submit" variant="default" size="compact-sm" loading={take.isPending}>Take this root</Button></div>
        </form>
      )}
    </div>
  );
}
