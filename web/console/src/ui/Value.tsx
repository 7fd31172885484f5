import { type ReactNode, useEffect, useRef, useState } from 'react';
import { UNKNOWN } from '../units/quantity';
import { serverNow } from '../units/clock';
import { age, parseTime } from '../units/time';
import type { Freshness } from '../units/freshness';

interface Props {
  text: string;
  unit: string;
  freshness?: Freshness;
  /** Time of the reading, for the words that a reader hears. */
  at?: string | null;
  className?: string;
}

/** A number with its unit beside it. Older than its limit it is struck through, and a reader hears so. */
export function Value({ text, unit, freshness = 'fresh', at, className }: Props) {
  if (text === UNKNOWN) return <span className={className} title="Not known">{UNKNOWN}</span>;
  const t = parseTime(at);
  return (
    <span className={className}>
      {freshness === 'old' ? <s className="struck">{text}</s> : text}
      <span className="unit">{unit}</span>
      {freshness === 'old' && <span className="sr-only"> not current{t === null ? '' : `, ${age(serverNow() - t)} old`}</span>}
    </span>
  );
}

/** Marks its content once, quietly, whenever `of` changes after the first paint. */
export function Changed({ of, children }: { of: string | number | null; children: ReactNode }) {
  const last = useRef(of);
  const [run, setRun] = useState(0);
  useEffect(() => {
    if (last.current !== of) setRun((n) => n + 1);
    last.current = of;
  }, [of]);
  return <span key={run} className={run === 0 ? undefined : 'changed'}>{children}</span>;
}
