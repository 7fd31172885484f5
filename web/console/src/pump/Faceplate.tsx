import type { PumpRow } from '../api/types';
import { givesReservoir } from '../fleet/tip';
import { Battery } from '../ui/Battery';
import { PresenceMark, presenceMeaning, presenceWord, RunMark, runMeaning } from '../ui/Mark';
import { ReservoirGauge } from '../ui/Reservoir';
import { Age } from '../ui/Time';
import { Changed, Value } from '../ui/Value';
import { useClock } from '../units/clock';
import { freshness as judge } from '../units/freshness';
import { concentration, dosePerDay, milli, millilitres, millilitresPerDay } from '../units/quantity';
import css from './Faceplate.module.css';

/** The front of the instrument: what is left, how fast it runs, whether it can be believed. */
export function Faceplate({ row }: { row: PumpRow }) {
  const f = useClock((now) => judge(row, now));
  const at = row.last_data;
  const gives = givesReservoir(row.run);
  return (
    <dl className={css.plate} data-freshness={f}>
      <div className={css.reservoir}>
        <dt className="label">Reservoir, computed</dt>
        <dd className={css.gauge}><ReservoirGauge volume={row.reservoir_nl} capacity={row.reservoir_capacity_nl} low={row.reservoir_low_nl} old={f === 'old'} /></dd>
        <dd><Value className="hero" text={millilitres(row.reservoir_nl)} unit="mL" freshness={f} at={at} /></dd>
        <dd className="label">of {millilitres(row.reservoir_capacity_nl, 0)} mL, low mark {millilitres(row.reservoir_low_nl)} mL</dd>
        {f !== 'fresh' && <dd className={css.age}><Age at={at} prefix="reading from " never="no reading yet" /></dd>}
      </div>
      <div>
        <dt className="label">Rate</dt>
        <dd><Value className="hero" text={millilitresPerDay(row.rate_nl_day)} unit="mL/day" freshness={f} at={at} /></dd>
        {row.drugs.map((d) => {
          const dose = dosePerDay(d.name, row.rate_nl_day, d.conc_ng_ml);
          const conc = concentration(d.name, d.conc_ng_ml);
          return (
            <dd key={d.name} className={css.drug}>
              <span className={css.drugName}>{d.name}</span>
              {gives && <span className={css.dose}><Value text={dose.text} unit={dose.unit} freshness={f} at={at} /></span>}
              <span className="label">{gives ? 'at' : 'in the reservoir at'} {conc.text} {conc.unit}</span>
            </dd>
          );
        })}
        {!gives && row.drugs.length > 0 && <dd className="label">{row.run === 'bridge' ? 'The path gives the old fluid: its dose stands under Therapy.' : 'Priming fills the catheter and is no dose.'}</dd>}
        {row.drugs.length === 0 && <dd className="label">Contents are not known.</dd>}
      </div>
      <div>
        <dt className="label">State</dt>
        <dd className={css.word}><Changed of={row.run}><span title={row.run ? runMeaning[row.run] : undefined}><RunMark run={row.run} old={f === 'old'} /></span></Changed></dd>
        <dd className="label">{row.run ? runMeaning[row.run] : 'The pump has not said how it runs.'}</dd>
        {f === 'old' && <dd className={css.age}><Age at={at} prefix="as of " /></dd>}
      </div>
      <div>
        <dt className="label">Battery</dt>
        <dd className={css.battery}><Battery percent={row.battery_pct} old={f === 'old'} /><Value className={css.word} text={row.battery_pct === null ? '–' : String(row.battery_pct)} unit="%" freshness={f} at={at} /></dd>
        <dd className="label"><span className={f === 'old' ? 'struck' : undefined}>{milli(row.battery_mv, 3)}</span> V</dd>
      </div>
      <div>
        <dt className="label">Presence</dt>
        <dd className={css.word}><Changed of={row.presence}><span className={css.pair}><PresenceMark presence={row.presence} />{presenceWord[row.presence]}</span></Changed></dd>
        <dd className="label">{presenceMeaning[row.presence]}</dd>
        <dd className={css.ages}>
          <span className="label">heard</span> <Age at={row.last_heard} />
          <span className="label">reading</span> <Age at={row.last_data} />
        </dd>
      </div>
    </dl>
  );
}
