import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { type Order, orders, type Therapy } from '../api/orders';
import { useNotLiveSince, usePump } from '../app/live';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Icon } from '../ui/Icon';
import { AlarmMark, presenceWord } from '../ui/Mark';
import { Age } from '../ui/Time';
import { clock, parseTime } from '../units/time';
import { useWaitsThere } from './bedside';
import { Hindrance } from './Hindrance';
import { useLate } from './late';
import { type Measured, MeasuredFields, readMeasured } from './MeasuredFields';
import css from './orders.module.css';
import { useProof } from './proof';
import { Refused } from './Refused';
import { type Handed, signed, signerFor, requireWholePage } from './sign';
import { Starts } from './Starts';
import { useLeft } from './useLeft';
import { WhoSigns } from './WhoSigns';

/** Letting an approved order go: only while the pump is there, by somebody who can watch the patient. */
export function ReleasePanel({ order, therapy }: { order: Order; therapy: Therapy | null }) {
  const me = useMe();
  const queries = useQueryClient();
  const row = usePump(order.pump);
  const frozen = useNotLiveSince();
  const proof = useProof(order);
  const visit = order.document?.visit ?? null;
  const [measured, setMeasured] = useState<Measured>({ branch: 'planned', aspirated: '', filled: '' });
  const [tried, setTried] = useState(false);
  const found = visit ? readMeasured(measured) : null;
  const handed = useRef<Handed>({});
  const run = useMutation({
    mutationFn: async () => {
      requireWholePage();
      const signer = await signerFor(me.id, me.login, me.demo);
      const choice = found && 'nl' in found ? { branch: measured.branch, aspirated_nl: found.nl.aspirated, filled_nl: found.nl.filled } : undefined;
      return signed(signer, { kind: 'release', prescription: proof.data!.hash, ...choice }, handed.current, (key) => orders.prepareRelease(order.id, key, choice), (s) => orders.release(order.id, s));
    },
    onSuccess: (o) => {
      queries.setQueryData(['orders', 'one', order.id], o);
      void queries.invalidateQueries({ queryKey: ['orders'] });
    },
  });
  const there = row?.presence === 'online' && frozen === null;
  const same = therapy !== null && therapy.state_hash === order.document?.state;
  const points: [boolean, string][] = [
    [there, frozen !== null ? 'This page is not live, so nobody knows whether the pump is connected' : row ? `Pump ${presenceWord[row.presence].toLowerCase()}${row.presence === 'online' ? ', by what its profile allows; whether it is connected now is asked when you release' : ''}` : 'Pump not known'],
    [same, same ? 'The pump runs what the signers saw' : therapy ? 'The pump runs something else than the signers saw' : 'What the pump runs is not known'],
    [proof.data?.hindrance === null, proof.isPending ? 'This browser checks the bytes and the signatures' : proof.data?.hindrance === null ? 'The bytes say what this page shows, and every signature holds' : 'The bytes and signatures do not hold'],
    [order.finding.people <= order.approvals.length, `${order.approvals.length} of ${order.finding.people} signatures`],
  ];
  return (
    <section className={css.panel} aria-labelledby="release-h" data-first>
      <h2 id="release-h">Release</h2>
      <p>Release it while somebody can watch the patient. It may apply for {order.act === 'clock' || therapy?.report.trusted === false ? '30 minutes from your signature, for the pump does not ask its clock,' : '16 minutes from your signature,'} and then no more.</p>
      {same && order.document && <Starts order={order.document} report={therapy.report} />}
      <ul>
        {points.map(([ok, text]) => <li key={text} className={css.point}><Icon name={ok ? 'check' : 'close'} /><span><span className="sr-only">{ok ? 'Fulfilled: ' : 'Not fulfilled: '}</span>{text}</span></li>)}
      </ul>
      <Hindrance proof={proof} />
      {row && <p className="label">Heard <Age at={row.last_heard} /></p>}
      {run.isError && <Refused what="Not released." error={run.error} />}
      {visit && <MeasuredFields visit={visit} value={measured} onChange={setMeasured} wrong={tried && found && 'wrong' in found ? found.wrong : {}} />}
      <div className={css.buttons}><Button onClick={() => { setTried(true); if (!found || 'nl' in found) run.mutate(); }} loading={run.isPending} disabled={!there || !same || proof.data?.hindrance !== null}>Release and sign</Button></div>
      <WhoSigns />
    </section>
  );
}

/** While a release is under way: what is known, and until when it may still apply. */
export function AwayPanel({ order }: { order: Order }) {
  const left = useLeft(order.may_apply_until);
  const until = parseTime(order.may_apply_until);
  const late = useLate(order);
  const waits = useWaitsThere(order);
  return (
    <section className={css.panel} aria-labelledby="away-h" aria-live="polite" data-first>
      <h2 id="away-h">{waits ? 'At the bedside' : 'On its way'}</h2>
      {late !== null && <p role="alert"><AlarmMark priority="medium" text={`Not confirmed for ${late} min`} /> {order.state === 'released' ? 'It has not left yet; what ran before runs on. Sign no other change meanwhile.' : 'Nobody knows which of the two the pump runs. Watch the patient for either, see that the pump is connected, and sign no other change meanwhile.'}</p>}
      {order.state === 'released' && <p>It waits until the record holds it for good, and then leaves at once.</p>}
      {waits && <p>The pump shows it to whoever is beside the patient. What ran before runs on until they confirm it; if nobody does, the pump refuses it.</p>}
      {order.state === 'sent' && !waits && <p>It was sent, and is sent again until the pump answers. <strong>Sent is not applied.</strong></p>}
      {until !== null && <p>{left ? <>May still apply until <strong>{clock(until)}</strong> <span className={css.count}>{left}</span></> : <>Since {clock(until)} it can apply no more.</>}</p>}
    </section>
  );
}
