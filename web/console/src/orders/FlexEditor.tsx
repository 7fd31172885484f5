import type { Segment } from '../api/orders';
import { Button } from '../ui/Button';
import { Line } from '../ui/Field';
import { DAY, dose, type DrugFacts, exactDose, hhmm, mass, ml, n, readTime } from './amounts';
import { fresh, type Stretch } from './draft';
import css from './orders.module.css';

const MOST = 24;

interface Props {
  /** What the stretches are of, for names: "", or "Monday, ". */
  readonly of?: string;
  /** How names of fields begin. */
  readonly at?: string;
  readonly all: readonly Stretch[];
  readonly onChange: (all: Stretch[]) => void;
  /** What was made of them; null while something is wrong. */
  readonly segments: readonly Segment[] | null;
  readonly facts: DrugFacts;
  readonly conc: bigint;
  readonly err: (name: string) => string | undefined;
}

/** A day in stretches: from when, and how much in it. What it is an hour follows beside it. */
export function FlexEditor({ of = '', at = '', all, onChange, segments, facts: f, conc, err }: Props) {
  const change = (i: number, part: Partial<Stretch>) => onChange(all.map((s, k) => (k === i ? { ...s, ...part } : s)));
  const split = (i: number) => {
    const from = readTime(all[i]!.from) ?? 0n;
    const to = readTime(all[i + 1]?.from ?? '24:00') ?? DAY;
    const middle = (from + (to - from) / 2n) / 300n * 300n;
    const volume = n(segments?.[i]?.volume_nl);
    const first = to > from ? (volume * (middle - from)) / (to - from) : 0n;
    const text = (v: bigint) => exactDose(f, mass(v, conc));
    onChange(all.flatMap((s, k) => (k === i ? [{ ...s, dose: text(first) }, { key: fresh(), from: hhmm(middle), dose: text(volume - first) }] : [s])));
  };
  const total = segments?.reduce((v, s) => v + n(s.volume_nl), 0n);
  return (
    <>
      <div className={css.wrap} role="region" aria-label={`${of || 'Day, '}stretches`} tabIndex={0}>
        <table className={css.rows}>
          <thead><tr><th scope="col">From</th><th scope="col">{f.name} in this stretch ({f.unit})</th><th scope="col" style={{ textAlign: 'right' }}>an hour</th><th scope="col" style={{ textAlign: 'right' }}>volume</th><th scope="col"><span className="sr-only">Change</span></th></tr></thead>
          <tbody>
            {all.map((s, i) => {
              const seg = segments?.[i];
              const v = n(seg?.volume_nl);
              return (
                <tr key={s.key}>
                  <td data-name="From"><Line aria-label={`${of}Stretch ${i + 1} from`} value={s.from} onText={(from) => change(i, { from })} error={err(`${at}from${i}`)} disabled={i === 0} placeholder="08:30" /></td>
                  <td data-name={`${f.name} in this stretch (${f.unit})`}><Line aria-label={`${of}Stretch ${i + 1}, ${f.name} in ${f.unit}`} value={s.dose} onText={(text) => change(i, { dose: text })} error={err(`${at}dose${i}`)} inputMode="decimal" /></td>
                  <td className={css.num} data-name="an hour">{seg ? <>{dose({ ...f, decimals: f.decimals + 1 }, mass((v * 3600n) / (n(seg.duration_s) || 1n), conc))}<span className="unit">{f.unit}/h</span></> : '–'}</td>
                  <td className={css.num} data-name="volume">{seg ? <>{ml(v)}<span className="unit">mL</span></> : '–'}</td>
                  <td><div className={css.buttons} style={{ flexWrap: 'nowrap' }}>
                    <Button variant="subtle" size="compact-sm" disabled={all.length >= MOST || !segments} onClick={() => split(i)} aria-label={`Split ${of.toLowerCase()}stretch ${i + 1}`}>Split</Button>
                    <Button variant="subtle" size="compact-sm" disabled={i === 0} onClick={() => onChange(all.filter((_, k) => k !== i))} aria-label={`Remove ${of.toLowerCase()}stretch ${i + 1}`}>Remove</Button>
                  </div></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p>{of ? `${of}in all` : 'In a day'}: <strong>{total === undefined ? '–' : `${dose(f, mass(total, conc))} ${f.unit}`}</strong> <span className="label">the last stretch ends at 24:00; removing one gives its time, not its dose, to the one before</span></p>
    </>
  );
}
