import { Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { orders, type Review } from '../api/orders';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Trouble } from '../ui/states';
import { Age, Stamp } from '../ui/Time';
import { Why } from '../ui/Why';
import css from './orders.module.css';
import { useReviews } from './queries';
import { mayDose } from './words';

const whatWord: Record<string, string> = { stop: 'stopped the pump', withdraw: 'took an order back', resume: 'undid their own stop', program: 'decreased a dose' };

/** Acts that one person did alone: somebody else looks at each within a day. */
export function Reviews() {
  const me = useMe();
  const q = useReviews();
  const [open, setOpen] = useState<Review | null>(null);
  if (q.isError && !q.data) return <Trouble what="The list of acts to be looked at" error={q.error} retry={() => void q.refetch()} />;
  if (!q.data || q.data.items.length === 0) return null;
  return (
    <section aria-labelledby="reviews" className={css.section}>
      <h2 id="reviews">Acts of one person, to be looked at</h2>
      <ul className={css.cards}>
        {q.data.items.map((r) => (
          <li key={r.id}>
            <div><p>{r.by.name} {whatWord[r.what] ?? r.what}</p><p className="label"><Stamp at={r.at} full /></p></div>
            <div><Link className="link" to="/pumps/$id" params={{ id: r.pump }} search={{ tab: 'therapy' }}>The pump</Link></div>
            <div><p className="label">due <Stamp at={r.due_at} full />, done <Age at={r.at} /></p></div>
            {r.by.id !== me.id && mayDose.check(me, r.site) ? <Button variant="default" size="compact-sm" onClick={() => setOpen(r)}>Look at it…</Button> : <span className="label">somebody else looks at it</span>}
          </li>
        ))}
      </ul>
      {open && <Dialog title={`${open.by.name} ${whatWord[open.what] ?? open.what}`} onClose={() => setOpen(null)}><ReviewForm of={open} onClose={() => setOpen(null)} /></Dialog>}
    </section>
  );
}

function ReviewForm({ of: r, onClose }: { of: Review; onClose: () => void }) {
  const queries = useQueryClient();
  const [note, setNote] = useState('');
  const run = useMutation({ mutationFn: (agreed: boolean) => orders.review(r.id, agreed, note.trim()), onSuccess: () => { void queries.invalidateQueries({ queryKey: ['orders'] }); onClose(); } });
  const empty = note.trim() === '';
  return (
    <div className={css.form}>
      <p>Look at the pump and at the reason first. What you say goes into the record; it undoes nothing.</p>
      <Textarea label="What you found" value={note} onChange={(e) => setNote(e.currentTarget.value)} rows={3} maxLength={500} data-autofocus />
      {run.isError && <p role="alert" className={css.note}><Why error={run.error} /></p>}
      <div className={css.buttons}>
        <Button variant="default" onClick={() => run.mutate(false)} disabled={empty} loading={run.isPending && !run.variables}>I do not agree</Button>
        <Button onClick={() => run.mutate(true)} disabled={empty} loading={run.isPending && run.variables}>I agree</Button>
      </div>
    </div>
  );
}
