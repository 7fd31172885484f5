import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { StepUpAsk } from '../api/gates';
import { words } from '../api/problem';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { sentence } from './passkey';
import { sessionQuery } from './session';
import css from './session.module.css';
import { isSoftware, signWithPasskey, signWithSoftware } from './stepup';

const stay = () => {};

export default function StepUpDialog({ ask, onSigned, onCancel }: { ask: StepUpAsk; onSigned: (header: string) => void; onCancel: () => void }) {
  const queries = useQueryClient();
  const person = queries.getQueryData(sessionQuery.queryKey)?.id ?? '';
  const soft = isSoftware(ask);
  const keys = ask.credentials.length;
  const sign = useMutation({ mutationFn: () => (soft ? signWithSoftware(ask, person) : signWithPasskey(ask)), onSuccess: onSigned });
  const { mutate } = sign;
  // The browser asks for a passkey by itself; a software key must not sign unseen.
  useEffect(() => {
    if (!soft && keys > 0) mutate();
  }, [soft, keys, mutate]);
  const impossible = !soft && keys === 0;
  return (
    // While a signature is made nothing but its own button cancels: what is signed then is sent.
    <Dialog title="Confirm that it is you" onClose={sign.isPending ? stay : onCancel}>
      <div className={css.form}>
        {soft && <p>Outside of a demo your passkey asks for your fingerprint, face or PIN here. This demo signs with a <strong>software key</strong> that this browser keeps.</p>}
        {!soft && !impossible && <p>What you are about to do needs your passkey, each time. Follow what the browser asks.</p>}
        {impossible && <p>What you are about to do needs a passkey, and you have none. Ask two administrators for a one-time code, then enrol one.</p>}
        <div role="alert">{sign.isError && <p className={css.note}>{sentence(sign.error, words)}</p>}</div>
        <div className={css.buttons}>
          <Button variant="default" onClick={onCancel} disabled={sign.isPending && soft}>Cancel</Button>
          {!impossible && <Button onClick={() => mutate()} loading={sign.isPending} data-autofocus>{soft ? 'Confirm' : 'Use passkey'}</Button>}
        </div>
      </div>
    </Dialog>
  );
}
