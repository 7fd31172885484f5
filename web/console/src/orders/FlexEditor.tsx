import { Button } from '@mantine/core';
import { Line } from '../ui/Field';
import { DAY, dose, type DrugFacts, exactDose, mass, meanDay, ml, n, readTime } from './amounts';
import type { Draft, Made } from './draft';
import css from './orders.module.css';

const MOST = 24;

/** A day in stretches: from when, and how much in it. What it is an hour follows beside it. */
export function FlexEditor({ draft: d, made, set, facts: f, conc, err }: { draft: Draft; made: Made; set: (d: Partial<Draft>) => void; facts: DrugFacts; conc: bigint; err: (name: string) => string | undefined }) {
  const change = (i: number, part: Partial<Draft['stretches'][number]>) => set({ stretches: d.stretches.map((s, k) => (k === i ? { ...s, ...part } : s)) });
  const split = (i: number) => {
    const from = readTime(d.stretches[i]!.from) ?? 0n;
    const to = readTime(d.stretches[i + 1]?.from ?? '24:00') ?? DAY;
    const middle = (from + (to - from) / 2n) / 300n * 300n;
    const at = `${String(middle / 3600n).padStart(2, '0')}:${String((middle % 3600n) / 60n).padStart(2, '0')}`;
    const volume = n(made.program?.segments[i]?.volume_nl);
    const first = to > from ? (volume * (middle - from)) / (to - from) : 0n;
    const text = (v: bigint) => exactDose(f, mass(v, conc));
    set({ stretches: d.stretches.flatMap((s, k) => (k === i ? [{ ...s, dose: text(first) }, { key: crypto.randomUUID(), from: at, dose: text(volume - first) }] : [s])) });
  };
  return (
    <>
      <div className={css.wrap} role="region" aria-label="Stretches of the day" tabIndex={0}>
        <table className={css.rows}>
          <thead><tr><th scope="col">From</th><th scope="col">{f.name} in this stretch ({f.unit})</th><th scope="col" style={{ textAlign: 'right' }}>an hour</th><th scope="col" style={{ textAlign: 'right' }}>volume</th><th scope="col"><span className="sr-only">Change</span></th></tr></thead>
          <tbody>
            {d.stretches.map((s, i) => {
              const seg = made.program?.segments[i];
              const v = n(seg?.volume_nl);
              return (
                <tr key={s.key}>
                  <td><Line aria-label={`Stretch ${i + 1} from`} value={s.from} onText={(from) => change(i, { from })} error={err(`from${i}`)} disabled={i === 0} placeholder="08:30" /></td>
                  <td><Line aria-label={`Stretch ${i + 1}, ${f.name} in ${f.unit}`} value={s.dose} onText={(text) => change(i, { dose: text })} error={err(`dose${i}`)} inputMode="decimal" /></td>
                  <td className={css.num}>{seg ? <>{dose({ ...f, decimals: f.decimals + 1 }, mass((v * 3600n) / (n(seg.duration_s) || 1n), conc))}<span className="unit">{f.unit}/h</span></> : '–'}</td>
                  <td className={css.num}>{seg ? <>{ml(v)}<span className="unit">mL</span></> : '–'}</td>
                  <td><div className={css.buttons} style={{ flexWrap: 'nowrap' }}>
                    <Button variant="subtle" size="compact-sm" disabled={d.stretches.length >= MOST || !made.program} onClick={() => split(i)} aria-label={`Split stretch ${i + 1}`}>Split</Button>
                    <Button variant="subtle" size="compact-sm" disabled={i === 0} onClick={() => set({ stretches: d.stretches.filter((_, k) => k !== i) })} aria-label={`Remove stretch ${i + 1}`}>Remove</Button>
                  </div></td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <p>In a day: <strong>{made.program ? `${dose(f, mass(meanDay(made.program), conc))} ${f.unit}` : '–'}</strong> <span className="label">the last stretch ends at 24:00; removing one gives its time, not its dose, to the one before</span></p>
    </>
  );
}
