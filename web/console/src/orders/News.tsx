import { useQuery } from '@tanstack/react-query';
import { type OrderNews, orders } from '../api/orders';
import { words } from '../api/problem';
import type { Priority } from '../api/types';
import { AlarmMark } from '../ui/Mark';
import { Stamp } from '../ui/Time';
import css from './orders.module.css';

/** What is new since somebody proposed: alarms, and whatever else about the pump, its patient and the documents that count. */
export function useNews(order: string) {
  return useQuery({ queryKey: ['orders', 'news', order], queryFn: async () => (await orders.news(order)).items, refetchInterval: 15_000 });
}

export const newsWord: Record<OrderNews['kind'], string> = { alarm: 'Alarm', pump: 'Pump', program: 'Program', patient: 'Patient', library: 'Drug library', keyset: 'Keyset' };

export function NewsLine({ item: n }: { item: OrderNews }) {
  return (
    <>
      {n.priority ? <AlarmMark priority={n.priority as Priority} /> : <strong>{newsWord[n.kind]}:</strong>} {n.title}
      {n.kind !== 'alarm' && n.detail && <span className={css.quiet}>. {n.detail}</span>}{' '}
      {n.at && <span className="label"><Stamp at={n.at} /></span>}
    </>
  );
}

/** The same for whoever enters numbers: to be read first, and ticked when signing. */
export function NewsList({ order }: { order: string }) {
  const news = useNews(order);
  if (news.isError) return <p className={css.note}>What is new since the proposal could not be read: {words(news.error)}</p>;
  if (!news.data || news.data.length === 0) return null;
  return (
    <div className={css.note}>
      <p><strong>New since it was proposed:</strong></p>
      <ul>{news.data.map((n) => <li key={n.id}><NewsLine item={n} /></li>)}</ul>
    </div>
  );
}
