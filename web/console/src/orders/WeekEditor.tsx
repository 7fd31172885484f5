import { useState } from 'react';
import type { DoseProgram } from '../api/orders';
import { Button } from '../ui/Button';
import { Choice } from '../ui/Field';
import { DAY, type DrugFacts, n } from './amounts';
import { type Draft, fresh, type Stretch, weekdays } from './draft';
import { FlexEditor } from './FlexEditor';
import css from './orders.module.css';

/** A week: each weekday in stretches of its own, one day at a time, and ways to copy a day to others. */
export function WeekEditor({ week, program, set, facts, conc, err }: { week: readonly Stretch[][]; program: DoseProgram | null; set: (d: Partial<Draft>) => void; facts: DrugFacts; conc: bigint; err: (name: string) => string | undefined }) {
  const [shown, setShown] = useState('0');
  const d = Number(shown);
  const day = weekdays[d]!;
  const start = BigInt(d) * DAY;
  const segments = program?.segments.filter((s) => n(s.offset_s) >= start && n(s.offset_s) < start + DAY) ?? null;
  const put = (to: (i: number) => boolean) => set({ week: week.map((old, i) => (i !== d && to(i) ? week[d]!.map((s) => ({ ...s, key: fresh() })) : old)) });
  const wrong = weekdays.filter((_, i) => week[i]!.some((_s, k) => err(`${i} from${k}`) !== undefined || err(`${i} dose${k}`) !== undefined));
  return (
    <>
      <div className={css.buttons}>
        <Choice label="Day of the week" value={shown} onChoose={setShown} data={weekdays.map((w, i) => ({ value: String(i), label: wrong.includes(w) ? `${w}, to be mended` : w }))} />
        <span className={css.buttons} style={{ alignSelf: 'flex-end' }}>
          <Button variant="default" onClick={() => put((i) => i < 5)}>Copy to Monday–Friday</Button>
          <Button variant="default" onClick={() => put((i) => i > 4)}>Copy to the weekend</Button>
          <Button variant="default" onClick={() => put(() => true)}>Copy to every day</Button>
        </span>
      </div>
      <FlexEditor key={shown} of={`${day}, `} at={`${d} `} all={week[d]!} onChange={(all) => set({ week: week.map((old, i) => (i === d ? all : old)) })} segments={segments} facts={facts} conc={conc} err={err} />
      {wrong.length > 0 && <p className={css.note}>To be mended: {wrong.join(', ')}.</p>}
    </>
  );
}
