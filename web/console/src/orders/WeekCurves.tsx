import { useId } from 'react';
import type { Contents, DoseProgram, LibraryContent, Segment } from '../api/orders';
import { forDrawing } from '../units/quantity';
import { DAY, dose, drugOf, mass, n, primaryOf, rateOf } from './amounts';
import { weekdays } from './draft';
import css from './orders.module.css';

const W = 168;
const H = 56;

/** The segments of one weekday, from its midnight; a program of a day is the same every day. */
export function dayOf(p: DoseProgram | null | undefined, d: number): Segment[] {
  if (!p || p.segments.length === 0) return [];
  if (p.mode !== 'flex_week') return n(p.cycle_s) === DAY ? p.segments : [];
  const start = BigInt(d) * DAY;
  return p.segments.filter((s) => n(s.offset_s) >= start && n(s.offset_s) < start + DAY).map((s) => ({ ...s, offset_s: (n(s.offset_s) - start).toString() }));
}

const sum = (all: readonly Segment[]) => all.reduce((v, s) => v + n(s.volume_nl), 0n);

/** A curve of 24 hours for each weekday, all on one scale, with what the day gives. What runs now is dashed where it is drawn by days. */
export function WeekCurves({ now, was, contents, wasContents, lib }: { now: DoseProgram; was?: DoseProgram | null; contents: Contents; wasContents?: Contents | null; lib: LibraryContent | null }) {
  const id = useId();
  const code = primaryOf(contents);
  const f = drugOf(lib, code);
  const conc = (c: Contents | null | undefined) => n(c?.ingredients.find((i) => i.code === code)?.conc_ng_ml);
  const days = weekdays.map((name, d) => ({ name, now: dayOf(now, d), was: dayOf(was, d) }));
  const top = Math.max(...days.flatMap((d) => [...d.now, ...d.was]).map((s) => forDrawing(rateOf(s)) ?? 0)) * 1.12 || 1;
  const x = (s: string | bigint) => (Number(s) / Number(DAY)) * W;
  const y = (s: Segment) => H - ((forDrawing(rateOf(s)) ?? 0) / top) * H;
  const line = (all: readonly Segment[]) => all.map((s, i) => `${i === 0 ? 'M' : 'L'}${x(s.offset_s)} ${y(s)}L${x(n(s.offset_s) + n(s.duration_s))} ${y(s)}`).join('');
  return (
    <figure aria-labelledby={id}>
      <figcaption id={id} className={`label ${css.legend}`}><span>Rate over each day of the week, by the pump’s clock</span>{days.some((d) => d.was.length > 0) && <><span>— asked for</span><span>- - runs now</span></>}</figcaption>
      <ul className={css.week}>
        {days.map((d) => {
          const after = mass(sum(d.now), conc(contents));
          const before = d.was.length > 0 && wasContents ? mass(sum(d.was), conc(wasContents)) : null;
          return (
            <li key={d.name}>
              <p className={css.weekday}><b>{d.name.slice(0, 3)}</b><span>{dose(f, after)}<span className="unit">{f.unit}</span></span></p>
              <svg className={css.curve} viewBox={`0 -2 ${W} ${H + 4}`} aria-hidden focusable="false">
                {[6, 12, 18].map((h) => <path key={h} className={css.hour} d={`M${(h / 24) * W} 0V${H}`} />)}
                <path className={css.fill} d={d.now.map((s) => `M${x(s.offset_s)} ${H}V${y(s)}H${x(n(s.offset_s) + n(s.duration_s))}V${H}Z`).join('')} />
                <path className={css.base} d={`M0 ${H}H${W}`} />
                {d.was.length > 0 && <path className={css.was} d={line(d.was)} />}
                <path className={css.now} d={line(d.now)} />
              </svg>
              <p className="label">{before === null ? <>&nbsp;</> : before === after ? 'as now' : `now ${dose(f, before)} ${f.unit}`}</p>
            </li>
          );
        })}
      </ul>
      <p className="label">Each from 00:00 to 24:00, lines at 6, 12 and 18 o’clock.</p>
    </figure>
  );
}
