import { TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { type Order, orders, type Therapy } from '../api/orders';
import { words } from '../api/problem';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Hindrance } from './Hindrance';
import { NewsLine, useNews } from './News';
import css from './orders.module.css';
import { useProof } from './proof';
import { Refused } from './Refused';
import { type Handed, signed, signerFor, requireWholePage } from './sign';
import { WhoSigns } from './WhoSigns';
import { meaningFor, meaningWord } from './words';

/** Reading and signing an order: what is new is ticked, the pump is named once more, and the passkey signs the exact bytes. */
export function SignPanel({ order, therapy }: { order: Order; therapy: Therapy | null }) {
  const me = useMe();
  const queries = useQueryClient();
  const meaning = meaningFor(me, order);
  const news = useNews(order.id);
  const proof = useProof(order);
  const [ticked, setTicked] = useState<readonly string[]>([]);
  const [read, setRead] = useState(false);
  const [tail, setTail] = useState('');
  const [tried, setTried] = useState(false);
  const serial = order.document?.serial ?? '';
  const handed = useRef<Handed>({});
  const run = useMutation({
    mutationFn: async () => {
      requireWholePage();
      const signer = await signerFor(me.id, me.login, me.demo);
      return signed(signer, { kind: 'approval', prescription: proof.data!.hash, meaning: meaning! }, handed.current, (key) => orders.prepareApproval(order.id, key, meaning!), (s) => orders.approve(order.id, s));
    },
    onSuccess: (o) => {
      queries.setQueryData(['orders', 'one', order.id], o);
      void queries.invalidateQueries({ queryKey: ['orders'] });
    },
  });
  if (!meaning) return null;
  const left = (news.data ?? []).filter((a) => !ticked.includes(a.id));
  const tailRight = tail.trim().toUpperCase() === serial.slice(-4).toUpperCase();
  const stale = therapy !== null && order.document !== null && therapy.state_hash !== order.document.state;
  const good = proof.data?.hindrance === null;
  const ready = good && read && tailRight && news.data !== undefined && left.length === 0 && !stale;
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (ready && !run.isPending) run.mutate();
  };
  return (
    <form className={css.panel} data-screen onSubmit={submit} noValidate autoComplete="off" aria-labelledby="sign-h">
      <h2 id="sign-h">Sign</h2>
      <p>By signing you say: “{meaningWord[meaning]}”. It needs {order.finding.people} {order.finding.people === 1 ? 'person' : 'people'}; {order.approvals.length} {order.approvals.length === 1 ? 'has' : 'have'} signed.</p>
      {stale && <p className={css.note}><strong>The pump does not run what this order was made for.</strong> It will be stale; nothing can be signed.</p>}
      <Hindrance proof={proof} />
      {news.isError && <p className={css.note}>What is new since the proposal could not be read: {words(news.error)}</p>}
      {news.data && news.data.length > 0 && (
        <fieldset style={{ border: 0, padding: 0, margin: 0, display: 'grid', gap: 8 }}>
          <legend className="label">New since it was proposed: tick each</legend>
          {news.data.map((a) => (
            <Check key={a.id} checked={ticked.includes(a.id)} onChange={(e) => setTicked(e.currentTarget.checked ? [...ticked, a.id] : ticked.filter((x) => x !== a.id))} label={<NewsLine item={a} />} />
          ))}
        </fieldset>
      )}
      {news.data?.length === 0 && <p className="label">Nothing new since it was proposed: no alarm, and pump, program, patient, library and keyset are as they were.</p>}
      <Check checked={read} onChange={(e) => setRead(e.currentTarget.checked)} label="I have read every setting of this order" error={tried && !read ? 'Read them first.' : undefined} />
      <TextInput label={`The last four characters of the pump’s serial, from the head of this page`} value={tail} onChange={(e) => setTail(e.currentTarget.value)} maxLength={8} autoComplete="off" spellCheck={false}
        onPaste={(e) => e.preventDefault()} onDrop={(e) => e.preventDefault()} error={tried && !tailRight ? 'They differ from the pump of this order.' : undefined} />
      {tried && left.length > 0 && <p role="alert">Tick what is new first.</p>}
      {run.isError && <Refused what="Not signed." error={run.error} />}
      <div className={css.buttons}><Button type="submit" loading={run.isPending} disabled={stale || !good || news.data === undefined}>Approve and sign</Button></div>
      <WhoSigns />
    </form>
  );
}
