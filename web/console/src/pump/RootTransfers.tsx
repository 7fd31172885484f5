import { FileButton } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { orders, type OrderSite, type RootTransfer } from '../api/orders';
import { isCancelled } from '../session/cancelled';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Choice } from '../ui/Field';
import { ReasonForm } from '../ui/ReasonForm';
import { Loading, NotCurrent, Trouble } from '../ui/states';
import table from '../ui/Table.module.css';
import { Stamp } from '../ui/Time';
import { Why } from '../ui/Why';
import { useClock } from '../units/clock';
import css from './Identity.module.css';
import { readSigned, standing, type Standing, underway } from './rootTransfer';

interface Props { pump: string; serial: string; active: boolean }

/** For a pump whose own site cannot sign any more: what the root is to sign, the file that it signed, and what the pump made of it. */
export default function RootTransfers({ pump, serial, active }: Props) {
  const queries = useQueryClient();
  const key = ['orders', 'transfers', pump];
  const list = useQuery({ queryKey: key, queryFn: () => orders.transfers(pump), refetchInterval: (q) => (q.state.data?.items.some((t) => underway(standing(t, Date.now()))) ? 5_000 : 30_000) });
  const [making, setMaking] = useState(false);
  const again = () => { void queries.invalidateQueries({ queryKey: key }); void queries.invalidateQueries({ queryKey: ['pump', pump] }); };
  if (list.isPending) return <Loading what="transfers by the root" />;
  if (!list.data) return <Trouble what="The transfers by the root" error={list.error} retry={() => void list.refetch()} />;
  const { items, destinations } = list.data;
  return (
    <>
      <p className="label">For a pump whose own site has closed or has no signers left. The root signs offline in their place; this server has no key that could. Two administrators take part: one makes what is signed, the other hands it in.</p>
      {list.isError && <NotCurrent what="This part" of={list} />}
      {active && (
        <div className={`${table.row} ${css.tools}`} data-screen>
          <Button variant="default" size="compact-md" onClick={() => setMaking(true)}>Make what the root signs…</Button>
          {items.some((t) => t.letter === null) && <HandIn pump={pump} onDone={again} />}
        </div>
      )}
      {items.length > 0 && <ol className={css.transfers} aria-label="Transfers by the root, newest first">{items.map((t) => <Item key={t.id} of={t} />)}</ol>}
      {making && <Dialog title={`Transfer by the root: ${serial}`} onClose={() => setMaking(false)}><MakeForm pump={pump} destinations={destinations} onDone={() => { again(); setMaking(false); }} onClose={() => setMaking(false)} /></Dialog>}
    </>
  );
}

function MakeForm({ pump, destinations, onDone, onClose }: { pump: string; destinations: readonly OrderSite[]; onDone: () => void; onClose: () => void }) {
  const [site, setSite] = useState('');
  const [tried, setTried] = useState(false);
  return (
    <ReasonForm
      effect="Nothing leaves by this. It makes a file that the root signs offline within seven days. It fits what the pump runs now: any change of that, by an order or at the bedside, makes it void."
      button="Make it" ready={site !== ''} onTry={() => setTried(true)} run={(why) => orders.makeTransfer(pump, site, why)} onDone={onDone} onClose={onClose}
    >
      <Choice label="Site that the pump goes to" value={site} onChoose={setSite} data={[{ value: '', label: 'Choose' }, ...destinations.map((s) => ({ value: s.id, label: `${s.name}, number ${s.id}` }))]} error={tried && site === '' ? 'Say where it goes.' : undefined} data-autofocus />
    </ReasonForm>
  );
}

/** The file that came back from the root's machine. It is examined as the pump will, before anything leaves. */
function HandIn({ pump, onDone }: { pump: string; onDone: () => void }) {
  const [wrong, setWrong] = useState('');
  const forget = useRef<() => void>(null);
  const act = useMutation({ mutationFn: (signed: string) => orders.handInTransfer(pump, signed), onSettled: onDone });
  const choose = async (f: File | null) => {
    if (!f) return;
    forget.current?.(); // the same file may be chosen again, when the pump is no longer busy
    act.reset();
    const signed = readSigned(await f.text());
    setWrong(signed === null ? `${f.name} is no file that cisterna keys transfer wrote.` : '');
    if (signed !== null) act.mutate(signed);
  };
  return (
    <>
      <FileButton resetRef={forget} onChange={(f) => void choose(f)}>{(p) => <Button variant="default" size="compact-md" loading={act.isPending} {...p}>Hand in the signed file…</Button>}</FileButton>
      {wrong && <p role="alert" className={alarmCss.problem}>{wrong} Nothing was sent.</p>}
      {act.isError && !isCancelled(act.error) && <p role="alert" className={alarmCss.problem}>Not handed in. <Why error={act.error} /></p>}
    </>
  );
}

function Item({ of: t }: { of: RootTransfer }) {
  const me = useMe();
  const at = useClock((now) => standing(t, now));
  const file = `transfer-${t.serial}-${t.id}.body`;
  return (
    <li>
      <p><strong>To {t.to.name}, number {t.to.id}</strong> <span className="label">from {t.from.name}, number {t.from.id}: {t.reason}</span></p>
      <p role="status"><State of={t} at={at} mine={t.by.id === me.id} /></p>
      {at === 'unsigned' && (
        <ol className={css.steps}>
          <li>Take <a className="link" download={file} href={`data:text/plain,${t.body}`}>{file}</a> to the machine that holds the root’s key.</li>
          <li>There: <code>cisterna keys transfer --key root.key --root root.cbor --out {file}.signed {file}</code>. Compare what it says with this page.</li>
          <li>Another administrator than {t.by.name} hands in <code>{file}.signed</code>.</li>
        </ol>
      )}
      <dl className={css.facts}>
        <div><dt className="label">Made</dt><dd>{t.by.name} <span className="label"><Stamp at={t.at} full />, good until <Stamp at={t.expires_at} full /></span></dd></div>
        <div><dt className="label">Prescription</dt><dd><code>{t.hash}</code></dd></div>
        <div><dt className="label">Epoch</dt><dd>{t.epoch}</dd></div>
        <div><dt className="label">State of the pump</dt><dd><code>{t.state_hash}</code></dd></div>
        <div><dt className="label">Keyset {t.keyset}</dt><dd>{t.people.length === 0 ? <strong>Nobody signs there.</strong> : t.people.map((p) => `${p.person} (${p.roles.join(', ')})`).join('; ')}</dd></div>
      </dl>
    </li>
  );
}

/** What is known, in one sentence; sent is never moved. */
function State({ of: t, at, mine }: { of: RootTransfer; at: Standing; mine: boolean }) {
  const l = t.letter;
  if (at === 'unsigned') return <>Waits for the root’s signature. {mine ? 'You made it, so another administrator hands it in.' : 'Nobody has handed it in.'}</>;
  if (at === 'unused' || l === null) return <>Over: nobody handed it in signed in time.</>;
  const by = <>Handed in by {l.by.name} <span className="label"><Stamp at={l.at} full /></span>. </>;
  const answered = l.code !== null && <>The pump answered <code>{l.code}</code>. {l.remedy} </>;
  switch (at) {
    case 'waits': return <>{by}It leaves once it is in the record for good and the pump is connected.</>;
    case 'sent': return <>{by}Sent; the pump has not moved. {answered}It is sent again until the pump applies or refuses it, or until <Stamp at={l.not_after} full />.</>;
    case 'applied': return <>{by}<strong>Applied:</strong> the pump belongs to {t.to.name} by its own answer <Stamp at={l.answered_at} full />.</>;
    case 'refused': return <>{by}<strong>Refused.</strong> {answered}Make it again if it is still wanted.</>;
    case 'expired': return <>{by}<strong>Over:</strong> the pump did not answer in time. It stays where it is, as far as is known.</>;
  }
}
