import { Link, type LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Ghost, Loading, Trouble } from '../ui/states';
import { Changed } from '../ui/Value';
import { type CountName, type Counts, filters } from './counts';
import css from './home.module.css';

/** One part of home, named. */
export function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={css.card} aria-label={title}>
      <h2 className="h2">{title}</h2>
      {children}
    </section>
  );
}

/** What a card says when nothing needs anybody. */
export const Good = ({ children }: { children: ReactNode }) => <p className={css.good}>{children}</p>;

/** A card that is still read, or could not be: it fails alone. */
export function Waits({ of, what }: { of: { isPending: boolean; isError: boolean; error: unknown; refetch: () => unknown; data: unknown }; what: string }) {
  if (of.data !== undefined && of.isError) return <p role="status" className={css.old}>Not current: {what} could not be read again.</p>;
  if (of.isError) return <Trouble what={what.charAt(0).toUpperCase() + what.slice(1)} error={of.error} retry={() => void of.refetch()} />;
  return of.isPending ? <><Loading what={what} /><Ghost width="100%" height={128} /></> : null;
}

type To = Pick<LinkProps, 'to' | 'params'> & { search?: object; hash?: string };

/** A number that leads to what it counts. */
export function Count({ n, to, unit, children }: { n: number | string; to: To; unit?: string; children: ReactNode }) {
  return (
    <Link {...(to as LinkProps)} className={css.count} data-none={n === 0 || undefined}>
      <span className={css.n}><Changed of={n}>{n}</Changed>{unit && <span className="unit">{unit}</span>}</span> <span>{children}</span>
    </Link>
  );
}

/** The pumps of a filter: how many, and the way to exactly those. */
export function Pumps({ of, name, sort, children }: { of: Counts; name: CountName; sort?: string; children: ReactNode }) {
  const q = filters[name];
  return <Count n={of[name]} to={{ to: '/fleet', search: { ...(q ? { q } : {}), ...(sort ? { sort } : {}) } }}>{children}</Count>;
}

/** A card of counts of the fleet. What counts as trouble is shown while there is some; without any, the card says what is good. */
export function FleetCard({ title, of, trouble, good, children, foot }: {
  title: string; of: Counts | null; trouble: readonly (readonly [name: CountName, words: ReactNode, sort?: string])[]; good: ReactNode; children?: (c: Counts) => ReactNode; foot?: ReactNode;
}) {
  const found = of ? trouble.filter(([name]) => of[name] > 0) : [];
  return (
    <Card title={title}>
      {!of && <Ghost width="100%" height={128} />}
      {of && found.length === 0 && of.all > 0 && <Good>{good}</Good>}
      {of && (
        <div className={css.counts}>
          {found.map(([name, words, sort]) => <Pumps key={name} of={of} name={name} {...(sort ? { sort } : {})}>{words}</Pumps>)}
          {children?.(of)}
        </div>
      )}
      {of && foot}
    </Card>
  );
}
