import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { type Order, orders } from '../api/orders';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Empty } from '../ui/states';
import { Stamp } from '../ui/Time';
import css from './orders.module.css';
import { Refused } from './Refused';

/** One's own order that blind entries sent back, or that was never proposed: taken up under its number, or put away. */
export function CameBack({ order: o }: { order: Order }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const drop = useMutation({ mutationFn: () => orders.discard(o.id), onSuccess: (done) => { queries.setQueryData(['orders', 'one', o.id], done); void queries.invalidateQueries({ queryKey: ['orders'] }); } });
  const back = o.mismatches > 0;
  return (
    <div className={css.form}>
      <Empty title={back ? 'It came back to you' : 'Your draft'}>
        {back ? `What a second person entered from their own source differed from it ${o.mismatches} times. Look at your source first: one of you was wrong. Nothing of it is signed any more.` : 'Nothing of it is signed or sent.'} Taken up, it keeps its number and what it asked for; whoever verifies begins anew.{o.expires_at && <> It can be taken up until <Stamp at={o.expires_at} full />; then it is discarded.</>}
      </Empty>
      <div className={css.buttons}>
        <Link className="link" to="/pumps/$id/propose" params={{ id: o.pump }} search={{ order: o.id }}><strong>Take it up</strong></Link>
        <Button variant="default" onClick={() => setAsking(true)}>Discard…</Button>
      </div>
      {asking && (
        <Dialog title={`Discard order ${o.id}`} onClose={() => setAsking(false)}>
          <div className={css.form}>
            <p>It is put away for good, and the record keeps that you did so. No pump has heard of it.</p>
            {drop.isError && <Refused what="Not discarded." error={drop.error} />}
            <div className={css.buttons}><Button variant="default" onClick={() => setAsking(false)}>Keep it</Button><Button loading={drop.isPending} onClick={() => drop.mutate()}>Discard it</Button></div>
          </div>
        </Dialog>
      )}
    </div>
  );
}
