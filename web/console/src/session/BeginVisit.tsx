import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import { words } from '../api/problem';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { sessionQuery } from './session';
import css from './session.module.css';

/** Locks the session to a pump's patient, after saying what that means. */
export function BeginVisit({ id, token, serial }: { id: string; token: string; serial: string }) {
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const begin = useMutation({
    mutationFn: () => api.beginVisit(id),
    // The frame forgets what was read before.
    onSuccess: () => queries.fetchQuery({ ...sessionQuery, staleTime: 0 }),
  });
  return (
    <>
      <Button variant="default" onClick={() => setOpen(true)}>Begin visit…</Button>
      {open && (
        <Dialog title={`Visit patient ${token}`} onClose={() => setOpen(false)}>
          <div className={css.form}>
            <p>For 60 minutes, or until you end the visit, your session reaches pump <strong className="mono">{serial}</strong> and no other: nothing you do can land on another patient’s pump. Work on many pumps, the record and the devices wait until then.</p>
            <div role="alert">{begin.isError && <p className={css.note}>{words(begin.error)}</p>}</div>
            <div className={css.buttons}>
              <Button variant="default" onClick={() => setOpen(false)}>Cancel</Button>
              <Button onClick={() => begin.mutate()} loading={begin.isPending} data-autofocus>Begin the visit</Button>
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}
