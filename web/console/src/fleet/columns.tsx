import type { ReactNode } from 'react';
import type { PumpRow } from '../api/types';
import { PresenceMark, presenceMeaning, presenceWord, RunMark, runMeaning } from '../ui/Mark';
import { Battery } from '../ui/Battery';
import { Reservoir } from '../ui/Reservoir';
import { Age, Ahead, Since } from '../ui/Time';
import { Changed, Value } from '../ui/Value';
import { useClock } from '../units/clock';
import type { Freshness } from '../units/freshness';
import { dosePerDay, milli, millilitres, millilitresPerDay, UNKNOWN } from '../units/quantity';
import { age, parseTime, stamp } from '../units/time';
import css from './Fleet.module.css';
import { lowAt } from './level';
import { moreAlarms, TopAlarm } from './TopAlarm';
import type { SortKey } from './search';
import { statusWord } from './status';
import { givesReservoir } from './tip';

export interface CellContext {
  readonly row: PumpRow;
  readonly freshness: Freshness;
  readonly siteShort: string;
  readonly siteName: string;
  /** The row has no second line. */
  readonly dense?: boolean;
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
const aging = (c: CellContext) => c.freshness === 'aged' || c.freshness === 'old';

/** The dose of the first ingredient, which is what the field reads the rate as. */
export function primaryDose(row: PumpRow): string {
  const drug = row.drugs[0];
  if (!drug || !givesReservoir(row.run)) return '';
  const dose = dosePerDay(drug.name, row.rate_nl_day, drug.conc_ng_ml);
  return dose.text === UNKNOWN ? '' : `${dose.text} ${dose.unit}`;
}

/** What a model is called in file names: a profile of that name says nothing more. */
const slug = (model: string) => model.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

const HOUR = 3_600_000;

/** What is left: how long until the low mark at the program's rate. From values that are not current nothing is forecast. */
function LowIn({ row, freshness }: CellContext) {
  const at = lowAt(row);
  const left = useClock((now) => (at === null || freshness === 'old' ? null : at <= now ? 'low now' : `low in ${at - now < HOUR ? age(at - now) : at - now < 24 * HOUR ? `${Math.floor((at - now) / HOUR)} h` : `${Math.floor((at - now) / (24 * HOUR))} d`}`));
  const mark = row.reservoir_low_nl ? `low ${millilitres(row.reservoir_low_nl)} mL` : '';
  return left === null || at === null ? mark : <time dateTime={new Date(at).toISOString()} title={`${stamp(at)}, ${mark}`}>{left}</time>;
}

export const columns: readonly Column[] = [
  {
    key: 'pump', title: 'Pump', width: 'minmax(116px, 1.2fr)',
    main: ({ row }) => <span className={css.serial}>{row.serial}</span>,
    sub: ({ row }) => [row.label, statusWord[row.status]].filter(Boolean).join(' · '),
  },
  { key: 'patient', title: 'Patient', width: '112px', main: ({ row }) => <span className="mono">{row.patient ?? UNKNOWN}</span> },
  {
    key: 'alarms', title: 'Alarms', width: 'minmax(158px, 1.9fr)',
    main: ({ row }) => <Changed of={row.top_alarm?.code ?? null}><TopAlarm row={row} /></Changed>,
    sub: ({ row }) => moreAlarms(row),
  },
  {
    key: 'presence', title: 'Presence', width: '92px',
    main: ({ row }) => <Changed of={row.presence}><span className={css.pair} title={presenceMeaning[row.presence]}><PresenceMark presence={row.presence} />{presenceWord[row.presence]}</span></Changed>,
    sub: ({ row }) => (row.presence === 'never' ? '' : <Since at={row.presence_since} />),
  },
  {
    key: 'run', title: 'State', width: 'minmax(116px, .9fr)',
    main: (c) => <Changed of={c.row.run}><span title={c.row.run ? runMeaning[c.row.run] : undefined}><RunMark run={c.row.run} old={old(c)} /></span></Changed>,
    sub: ({ row }) => row.drugs.map((d) => d.name).join(' + '),
  },
  {
    key: 'rate', title: 'Rate', width: '98px', numeric: true,
    main: (c) => <Value text={millilitresPerDay(c.row.rate_nl_day)} unit="mL/day" freshness={c.freshness} at={c.row.last_data} />,
    sub: (c) => <span className={old(c) ? 'struck' : undefined}>{primaryDose(c.row)}</span>,
  },
  {
    key: 'reservoir', title: 'Reservoir', width: '104px', numeric: true,
    main: (c) => <Value text={millilitres(c.row.reservoir_nl)} unit="mL" freshness={c.freshness} at={c.row.last_data} />,
    sub: (c) => <LowIn {...c} />,
  },
  {
    key: 'battery', title: 'Battery', width: '72px', numeric: true,
    main: (c) => (c.row.battery_pct === null ? UNKNOWN : <span className={css.pairEnd}><Battery percent={c.row.battery_pct} old={old(c)} /><Value text={String(c.row.battery_pct)} unit="%" freshness={c.freshness} at={c.row.last_data} /></span>),
    sub: (c) => (c.row.battery_mv === null ? '' : <span className={old(c) ? 'struck' : undefined}>{milli(c.row.battery_mv, 2)} V</span>),
  },
  {
    key: 'heard', title: 'Last heard', width: '76px', numeric: true,
    // Where there is one line, how old the values are comes first.
    main: (c) => (c.dense && aging(c) ? <Age at={c.row.last_data} prefix="data " /> : <Age at={c.row.last_heard} />),
    sub: (c) => (aging(c) ? <Age at={c.row.last_data} prefix="data " /> : ''),
  },
  { key: 'site', title: 'Site', width: 'minmax(80px, .8fr)', main: (c) => <span title={c.siteName}>{c.siteShort}</span> },
  { key: 'model', title: 'Model', width: 'minmax(84px, .8fr)', main: ({ row }) => row.model, sub: ({ row }) => (row.profile === row.model || row.profile === slug(row.model) ? '' : row.profile) },
  {
    key: 'firmware', title: 'Firmware', width: '68px',
    main: ({ row }) => <span className="mono">{row.firmware ?? UNKNOWN}</span>,
    sub: ({ row }) => (row.firmware_comm ? <span className="mono" title="Communicator">{row.firmware_comm}</span> : ''),
  },
  { key: 'status', title: 'Status', width: '104px', main: ({ row }) => row.status },
  { key: 'data', title: 'Last data', width: '104px', numeric: true, main: ({ row }) => <Age at={row.last_data} /> },
  { key: 'library', title: 'Library', width: 'minmax(104px, .8fr)', main: ({ row }) => row.library ?? UNKNOWN },
  {
    key: 'sync', title: 'Documents', width: '112px',
    main: ({ row }) => (row.documents === null ? UNKNOWN : row.documents === 'behind' ? <strong>Behind</strong> : 'Current'),
    sub: ({ row }) => (row.lacks.length > 0 ? `lacks ${row.lacks.join(', ')}` : ''),
  },
  { key: 'link', title: 'Communicator', width: 'minmax(112px, .8fr)', main: ({ row }) => (row.link ? <span className="mono">{row.link}</span> : UNKNOWN) },
  {
    key: 'quality', title: 'Link quality', width: '128px',
    main: ({ row }) => (row.link_quality === null ? UNKNOWN : qualityWord[row.link_quality] ?? row.link_quality),
    sub: ({ row }) => `${row.reconnects_24h} ${row.reconnects_24h === 1 ? 'connection' : 'connections'}, ${row.refused_24h} refused`,
  },
  { key: 'gaps', title: 'Gaps', width: '64px', numeric: true, main: ({ row }) => String(row.gaps_open), sub: () => 'in 24 h' },
  {
    key: 'low_in', title: 'Low in', width: '88px', numeric: true,
    // As beside the reservoir: from values that are not current nothing is forecast.
    main: (c) => (old(c) ? <span title="Nothing is forecast from values that are not current">{UNKNOWN}</span> : <Ahead at={lowAt(c.row)} past="now" />),
    sub: (c) => (c.row.use_nl_day ? <span className={old(c) ? 'struck' : undefined}>at {millilitres(c.row.use_nl_day)} mL/day</span> : ''),
  },
  { key: 'cert', title: 'Certificate ends', width: '112px', numeric: true, main: ({ row }) => <Ahead at={parseTime(row.cert_ends)} past="ended" /> },
  { key: 'tags', title: 'Tags', width: 'minmax(120px, 1fr)', main: ({ row }) => (row.tags.length > 0 ? row.tags.join(', ') : UNKNOWN) },
];

const qualityWord: Record<string, string> = { good: 'Good', fair: 'Fair', poor: 'Poor' };

/** What is shown unless somebody asks otherwise. */
export const usual: readonly SortKey[] = ['pump', 'alarms', 'presence', 'run', 'rate', 'reservoir', 'battery', 'heard', 'site', 'model', 'firmware'];

/** What every card of a narrow screen shows by itself. */
export const cardHas: ReadonlySet<SortKey> = new Set(['pump', 'alarms', 'presence', 'run', 'rate', 'reservoir', 'heard', 'site']);

/** What a card shows below that, of the columns that an address names; the usual ones add nothing. */
export const cardExtras = (keys: readonly SortKey[]): readonly Column[] => (keys === usual ? [] : columnsOf(keys.filter((k) => !cardHas.has(k))));

/** Columns by their keys, in that order. */
export const columnsOf = (keys: readonly SortKey[]): readonly Column[] => keys.map((k) => columns.find((c) => c.key === k)!);

/** Between two columns, in pixels: as Fleet.module.css has it. */
const GAP = 10;

const least = (c: Column) => Number(/\d+/.exec(c.width)![0]);

/** How wide a table with these columns is at least, in pixels, and how much the column to select rows adds. */
export const PICK = 24 + GAP;
export const leastWidth = (of: readonly Column[]) => of.reduce((n, c) => n + least(c) + GAP, 48 - GAP);

export function ReservoirOf({ row, freshness }: { row: PumpRow; freshness: Freshness }) {
  return <Reservoir volume={row.reservoir_nl} capacity={row.reservoir_capacity_nl} low={row.reservoir_low_nl} old={freshness === 'old'} />;
}
