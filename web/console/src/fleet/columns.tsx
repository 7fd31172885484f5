import type { ReactNode } from 'react';
import type { PumpRow } from '../api/types';
import { AlarmMark, PresenceMark, presenceMeaning, presenceWord, RunMark, runMeaning } from '../ui/Mark';
import { Battery } from '../ui/Battery';
import { Reservoir } from '../ui/Reservoir';
import { Age } from '../ui/Time';
import { Changed, Value } from '../ui/Value';
import type { Freshness } from '../units/freshness';
import { dosePerDay, milli, millilitres, millilitresPerDay, UNKNOWN } from '../units/quantity';
import css from './Fleet.module.css';
import type { SortKey } from './search';

export interface CellContext {
  readonly row: PumpRow;
  readonly freshness: Freshness;
  readonly siteShort: string;
  readonly siteName: string;
}

export interface Column {
  readonly key: SortKey;
  readonly title: string;
  /** A grid track. */
  readonly width: string;
  readonly numeric?: boolean;
  readonly main: (c: CellContext) => ReactNode;
  /** The second line of a row that is not dense. */
  readonly sub?: (c: CellContext) => ReactNode;
}

const old = (c: CellContext) => c.freshness === 'old';

/** The alarm of a pump that matters most, and how many more there are. */
export function TopAlarm({ row }: { row: PumpRow }) {
  const top = row.top_alarm;
  const priority = top?.priority ?? (row.alarms.high > 0 ? 'high' : row.alarms.medium > 0 ? 'medium' : row.alarms.low > 0 ? 'low' : null);
  if (priority === null) return <span className="label">none</span>;
  return <span className={css.top}><AlarmMark priority={priority} /><span className={css.topText}>{top?.title}</span></span>;
}

export function moreAlarms(row: PumpRow): string {
  const all = row.alarms.high + row.alarms.medium + row.alarms.low;
  return all > 1 ? `and ${all - 1} more` : '';
}

/** The dose of the first ingredient, which is what the field reads the rate as. */
export function primaryDose(row: PumpRow): string {
  const drug = row.drugs[0];
  if (!drug) return '';
  const dose = dosePerDay(drug.name, row.rate_nl_day, drug.conc_ng_ml);
  return dose.text === UNKNOWN ? '' : `${dose.text} ${dose.unit}`;
}

/** What the status of a pump says when it is not simply in use. */
export const statusWord: Record<PumpRow['status'], string> = {
  registered: 'registered', active: '', revoked: 'revoked', explanted: 'explanted', retired: 'retired', manual: 'manual, no link',
};

export const columns: readonly Column[] = [
  {
    key: 'pump', title: 'Pump', width: 'minmax(152px, 1.2fr)',
    main: ({ row }) => <span className={css.serial}>{row.serial}</span>,
    sub: ({ row }) => [row.label, statusWord[row.status]].filter(Boolean).join(' · '),
  },
  {
    key: 'alarms', title: 'Alarms', width: 'minmax(208px, 1.6fr)',
    main: ({ row }) => <Changed of={row.top_alarm?.code ?? null}><TopAlarm row={row} /></Changed>,
    sub: ({ row }) => moreAlarms(row),
  },
  {
    key: 'presence', title: 'Presence', width: '112px',
    main: ({ row }) => <Changed of={row.presence}><span className={css.pair} title={presenceMeaning[row.presence]}><PresenceMark presence={row.presence} />{presenceWord[row.presence]}</span></Changed>,
    sub: ({ row }) => (row.presence === 'never' ? '' : <Age at={row.presence_since} prefix="since " never="" />),
  },
  {
    key: 'run', title: 'State', width: 'minmax(128px, .8fr)',
    main: ({ row }) => <Changed of={row.run}><span title={row.run ? runMeaning[row.run] : undefined}><RunMark run={row.run} /></span></Changed>,
    sub: ({ row }) => row.drugs.map((d) => d.name).join(' + '),
  },
  {
    key: 'rate', title: 'Rate', width: '112px', numeric: true,
    main: (c) => <Value text={millilitresPerDay(c.row.rate_nl_day)} unit="mL/day" freshness={c.freshness} at={c.row.last_data} />,
    sub: (c) => <span className={old(c) ? 'struck' : undefined}>{primaryDose(c.row)}</span>,
  },
  {
    key: 'reservoir', title: 'Reservoir', width: '128px', numeric: true,
    main: (c) => <Value text={millilitres(c.row.reservoir_nl)} unit="mL" freshness={c.freshness} at={c.row.last_data} />,
    sub: (c) => (c.row.reservoir_low_nl ? `low ${millilitres(c.row.reservoir_low_nl)} mL` : ''),
  },
  {
    key: 'battery', title: 'Battery', width: '96px', numeric: true,
    main: (c) => (c.row.battery_pct === null ? UNKNOWN : <span className={css.pairEnd}><Battery percent={c.row.battery_pct} old={old(c)} /><Value text={String(c.row.battery_pct)} unit="%" freshness={c.freshness} at={c.row.last_data} /></span>),
    sub: (c) => (c.row.battery_mv === null ? '' : <span className={old(c) ? 'struck' : undefined}>{milli(c.row.battery_mv, 2)} V</span>),
  },
  {
    key: 'heard', title: 'Last heard', width: '104px', numeric: true,
    main: ({ row }) => <Age at={row.last_heard} />,
    sub: (c) => (c.freshness === 'aged' || c.freshness === 'old' ? <Age at={c.row.last_data} prefix="data " /> : ''),
  },
  { key: 'site', title: 'Site', width: 'minmax(80px, .7fr)', main: (c) => c.siteShort, sub: (c) => (c.siteName === c.siteShort ? '' : c.siteName) },
  { key: 'model', title: 'Model', width: 'minmax(112px, .9fr)', main: ({ row }) => row.model, sub: ({ row }) => (row.profile === row.model ? '' : row.profile) },
  {
    key: 'firmware', title: 'Firmware', width: '88px',
    main: ({ row }) => <span className="mono">{row.firmware ?? UNKNOWN}</span>,
    sub: ({ row }) => (row.firmware_comm ? <span className="mono" title="Communicator">{row.firmware_comm}</span> : ''),
  },
];

export function ReservoirOf({ row, freshness }: { row: PumpRow; freshness: Freshness }) {
  return <Reservoir volume={row.reservoir_nl} capacity={row.reservoir_capacity_nl} low={row.reservoir_low_nl} old={freshness === 'old'} />;
}
