import { encode } from 'uqr';
import type { ClaimSlip } from '../api/types';
import { usePaper } from '../app/paper';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Wordmark } from '../ui/Logo';
import { parseTime, stamp } from '../units/time';
import { useClock } from '../units/clock';
import css from './Slip.module.css';

/** A hash in groups of four, so that two people can compare it aloud. */
export const groups = (hex: string): { at: number; text: string }[] => (hex.match(/.{1,4}/g) ?? []).map((text, i) => ({ at: i * 4, text }));

/** A claim slip: the code as a picture for a camera and as text for a keyboard, A6 on paper. It is shown once. */
export default function Slip({ slip, serial, model = '', onClose }: { slip: ClaimSlip; serial: string; model?: string; onClose: () => void }) {
  const until = parseTime(slip.expires_at);
  const left = useClock((now) => (until === null ? null : Math.max(0, Math.ceil((until - now) / 60_000))));
  return (
    <div className={css.slip} data-print="slip">
      <p className={css.brand} aria-hidden><Wordmark size={20} /> <span>Claim slip</span></p>
      <div className={css.top}>
        <Qr text={slip.slip} name={`Claim slip for pump ${serial}`} />
        <dl className={css.facts}>
          <div><dt className="label">For pump</dt><dd className={css.serial}>{serial}</dd>{model && <dd className="label">{model}</dd>}</div>
          <div><dt className="label">One-time code</dt><dd className={css.code}>{slip.code}</dd></div>
          <div><dt className="label">Valid until</dt><dd>{until === null ? '–' : stamp(until)} <span className="label" data-screen>{left === null ? '' : left > 0 ? `${left} min left` : 'expired'}</span></dd></div>
        </dl>
      </div>
      <div>
        <p className="label">Root, SHA-256. The pump accepts no other than this one; compare it with the ceremony card.</p>
        <p className={css.hash}>{groups(slip.root_sha256).map((g) => <span key={g.at}>{g.text}</span>)}</p>
      </div>
      <p className="label" data-screen>The slip cannot be shown again; make a new one if it is lost.</p>
      <p className={css.paper}>Good once, for this pump. Destroy it afterwards. <Printed /></p>
      <div className={css.buttons} data-screen>
        <Button variant="default" onClick={() => void navigator.clipboard?.writeText(slip.slip)}>Copy</Button>
        <Button variant="default" onClick={() => window.print()}>Print</Button>
        <Button onClick={onClose} data-autofocus>Done</Button>
      </div>
    </div>
  );
}

/** When, and by whom: who finds a slip must know whom to ask. */
function Printed() {
  const me = useMe();
  const at = usePaper();
  return at !== null && <>Printed {stamp(at)} by {me.name} ({me.login}).</>;
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
