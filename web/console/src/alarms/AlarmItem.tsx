import { Link } from '@tanstack/react-router';
import type { AlarmRow } from '../api/types';
import { Button } from '../ui/Button';
import { AlarmMark } from '../ui/Mark';
import { Age, Stamp } from '../ui/Time';
import { actorName } from '../units/plain';
import { parseTime } from '../units/time';
import table from '../ui/Table.module.css';
import css from './alarms.module.css';
import { usePatientOf } from './usePatientOf';

/** The pump's own clock may differ from ours by more than this before it is worth a word. */
const LATE_MS = 120_000;

/** One alarm: what, where, since when, who knows. */
export function AlarmItem({ alarm, site, showPump, onAck, onOpen }: { alarm: AlarmRow; site?: string; showPump: boolean; onAck?: ((a: AlarmRow) => void) | undefined; onOpen?: ((a: AlarmRow) => void) | undefined }) {
  const patient = usePatientOf(alarm);
  const device = parseTime(alarm.device_at);
  const received = parseTime(alarm.received_at) ?? parseTime(alarm.raised_at);
  const late = device !== null && received !== null && Math.abs(received - device) > LATE_MS;
  return (
    <li className={css.item} data-alarm={alarm.id} data-state={alarm.state}>
      <div className={css.mark}><AlarmMark priority={alarm.priority} quiet={alarm.state !== 'active'} /></div>
      <div className={css.what}>
        <p className={css.name}>{onOpen ? <button type="button" className={table.open} onClick={() => onOpen(alarm)}>{alarm.title}</button> : alarm.title} {alarm.count > 1 && <span className="label">raised {alarm.count} times</span>}</p>
        {showPump && (
          <p><Link className="link" to="/pumps/$id" params={{ id: alarm.pump }} search={{}}><span className="mono">{alarm.pump_serial}</span></Link> <span className="label">{[patient, alarm.pump_label, site].filter(Boolean).join(' · ')}</span></p>
        )}
        {alarm.effect && alarm.state !== 'cleared' && <p className={css.advice}>Infusion: {alarm.effect}.</p>}
        {alarm.advice && alarm.state !== 'cleared' && <p className={css.advice}>{alarm.advice}</p>}
        {alarm.ack_at && <p className="label">Acknowledged by {alarm.ack_by && actorName(alarm.ack_by)} <Stamp at={alarm.ack_at} />{alarm.ack_note ? <>: “{alarm.ack_note}”</> : null}</p>}
        {alarm.latched && alarm.state !== 'cleared' && <p className="label">Latched: the pump keeps it until it is cleared there.</p>}
      </div>
      <div className={css.when}>
        <Age at={alarm.raised_at} />
        <span className="label"><Stamp at={alarm.raised_at} /></span>
        {late && <span className="label">pump clock <Stamp at={alarm.device_at} /></span>}
        {alarm.cleared_at && <span className="label">ended <Stamp at={alarm.cleared_at} /></span>}
      </div>
      <div className={css.do}>
        {onAck && alarm.state === 'active' && <Button variant="default" size="compact-md" onClick={() => onAck(alarm)}>Acknowledge{' '}<span className="sr-only">{alarm.title}, {alarm.pump_serial}</span></Button>}
        {alarm.state === 'cleared' && <span className="label">cleared</span>}
      </div>
    </li>
  );
}
