import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { fleetApi, type Group } from '../api/fleet';
import { words } from '../api/problem';
import type { PumpRow } from '../api/types';
import { useLive } from '../app/live';
import { Button } from '../ui/Button';
import { Line } from '../ui/Field';
import { Side } from '../ui/Side';
import css from '../ui/Table.module.css';

interface Props {
  group: Group;
  members: readonly PumpRow[];
  may: boolean;
  onClose: () => void;
}

/** How many pumps are offered at once. */
const OFFERED = 8;

/** The pumps of a group. Into one by hand they are put, and taken out, here one by one; many at once from the fleet. */
export function MembersSheet({ group, members, may, onClose }: Props) {
  const { pumps } = useLive().sync;
  const [text, setText] = useState('');
  const set = useMutation({ mutationFn: ({ pump, on }: { pump: string; on: boolean }) => fleetApi.setMember(group.id, pump, on) });
  const byHand = group.filter === '';
  const want = text.trim().toLowerCase();
  const found = want === '' ? [] : [...pumps.values()].filter((p) => p.site === group.site && !members.some((m) => m.id === p.id) && [p.serial, p.label, p.model].some((s) => s.toLowerCase().includes(want)));
  return (
    <Side title={`Pumps of ${group.name}`} onClose={onClose}>
      {!byHand && <p className={css.muted}>Those of its site that <code>{group.filter}</code> means: they come and go by themselves.</p>}
      {byHand && may && (
        <section>
          <Line label="Put in" placeholder="Serial, label or model" value={text} onText={setText} data-autofocus description="Many at once: select them in the fleet, then work on these." />
          {want !== '' && found.length === 0 && <p role="status" className="label">No other pump of this site matches.</p>}
          <ul className={css.list}>
            {found.slice(0, OFFERED).map((p) => <li key={p.id} className={css.split}><Name of={p} /><Button variant="default" size="compact-sm" disabled={set.isPending} onClick={() => set.mutate({ pump: p.id, on: true })} aria-label={`Put in ${p.serial}`}>Put in</Button></li>)}
          </ul>
          {found.length > OFFERED && <p className="label">and {found.length - OFFERED} more</p>}
        </section>
      )}
      {set.isError && <p role="alert" className={alarmCss.problem}>{words(set.error)}</p>}
      <section aria-label="Members">
        <p role="status" className="label" style={{ paddingTop: 16 }}>{members.length} {members.length === 1 ? 'pump' : 'pumps'}</p>
        <ul className={css.list}>
          {members.map((p) => <li key={p.id} className={css.split}><Name of={p} />{byHand && may && <Button variant="subtle" size="compact-sm" disabled={set.isPending} onClick={() => set.mutate({ pump: p.id, on: false })} aria-label={`Take out ${p.serial}`}>Take out</Button>}</li>)}
        </ul>
      </section>
    </Side>
  );
}

function Name({ of: p }: { of: PumpRow }) {
  return <span><Link className="link mono" to="/pumps/$id" params={{ id: p.id }} search={{}}>{p.serial}</Link> <span className="label">{[p.label, p.model].filter(Boolean).join(' · ')}</span></span>;
}
