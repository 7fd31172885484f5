import { Button } from '@mantine/core';
import { encode } from 'uqr';
import type { ClaimSlip } from '../api/types';
import { parseTime, stamp } from '../units/time';
import { useClock } from '../units/clock';
import css from './Slip.module.css';

/** A claim slip: the code as a picture for a camera and as text for a keyboard. It is shown once. */
export default function Slip({ slip, serial, onClose }: { slip: ClaimSlip; serial: string; onClose: () => void }) {
  const until = parseTime(slip.expires_at);
  const left = useClock((now) => (until === null ? null : Math.max(0, Math.ceil((until - now) / 60_000))));
  return (
    <div className={css.slip}>
      <Qr text={slip.slip} name={`Claim slip for pump ${serial}`} />
      <dl className={css.facts}>
        <dt className="label">Code</dt><dd className={css.code}>{slip.code}</dd>
        <dt className="label">For pump</dt><dd className="mono">{serial}</dd>
        <dt className="label">Valid until</dt><dd>{until === null ? '–' : stamp(until)} {left !== null && <span className="label">{left > 0 ? `${left} min left` : 'expired'}</span>}</dd>
        <dt className="label">Root, SHA-256</dt><dd className={css.hash}>{slip.root_sha256}</dd>
      </dl>
      <p className="label">The pump accepts no other root than this one. The slip cannot be shown again; make a new one if it is lost.</p>
      <div className={css.buttons}>
        <Button variant="default" onClick={() => void navigator.clipboard?.writeText(slip.slip)}>Copy</Button>
        <Button variant="default" onClick={() => window.print()}>Print</Button>
        <Button onClick={onClose} data-autofocus>Done</Button>
      </div>
    </div>
  );
}

function Qr({ text, name }: { text: string; name: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: 4 });
  const path = data.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return (
    <svg className={css.qr} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={name} shapeRendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
