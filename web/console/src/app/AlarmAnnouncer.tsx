import { useEffect, useState } from 'react';
import type { AlarmRow, Priority } from '../api/types';
import { priorityWord } from '../ui/Mark';
import { useLive } from './live';

const QUIET_MS = 5000;
const BURST = 10;
/** How many lines stay for a reader to go back to. */
const KEPT = 20;

const rank: Record<Priority, number> = { info: 0, low: 1, medium: 2, high: 3 };
const name = (a: AlarmRow) => `${a.title}, pump ${a.pump_serial}`;

/**
 * What a reader of the screen hears: new high alarms at once, others politely, at most every 5 s, a flood as one sentence. New
 * is what was raised, what a list that was read again holds and the one before did not, and what has risen in priority.
 */
export function AlarmAnnouncer() {
  const { alarms } = useLive().sync;
  const [loud, setLoud] = useState<readonly { id: number; text: string }[]>([]);
  const [polite, setPolite] = useState('');
  useEffect(() => {
    const heard = new Map<string, number>();
    let seen: readonly AlarmRow[] | null = null;
    let lines = 0;
    let waiting: AlarmRow[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const say = () => {
      timer = undefined;
      if (waiting.length > 0) setPolite(waiting.length > BURST ? `${waiting.length} new alarms` : waiting.map((a) => `${priorityWord[a.priority]} alarm: ${name(a)}`).join('. '));
      waiting = [];
    };
    const announce = (fresh: readonly AlarmRow[]) => {
      const high = fresh.filter((a) => a.priority === 'high');
      const texts = high.length > BURST ? [`${high.length} new high alarms`] : high.map((a) => `High alarm: ${name(a)}`);
      // Each is a line of its own: none takes another's place before it was heard.
      if (texts.length > 0) setLoud((old) => [...old, ...texts.map((text) => ({ id: ++lines, text }))].slice(-KEPT));
      waiting.push(...fresh.filter((a) => a.priority !== 'high'));
      if (waiting.length > 0) timer ??= setTimeout(say, QUIET_MS);
    };
    /** Notes an alarm; true if it is to be announced. */
    const isNew = (a: AlarmRow): boolean => {
      const before = heard.get(a.id);
      if (a.priority === 'info' || (before ?? 0) >= rank[a.priority]) return false;
      heard.set(a.id, rank[a.priority]);
      return before !== undefined || a.state === 'active';
    };
    const look = () => {
      const list = alarms.list();
      if (alarms.checkedAt === null || list === seen) return;
      const fresh = list.filter(isNew);
      // What is there when one comes, the counters say.
      if (seen !== null) announce(fresh);
      seen = list;
    };
    const offs = [
      alarms.subscribe(look),
      // Before the first list has come, and what is over again at once.
      alarms.onChange((f) => {
        if (f.change === 'raised' && isNew(f.alarm)) announce([f.alarm]);
      }),
    ];
    look();
    return () => {
      for (const off of offs) off();
      clearTimeout(timer);
    };
  }, [alarms]);
  return (
    <>
      <div className="sr-only" role="alert" aria-atomic="false">{loud.map((l) => <p key={l.id}>{l.text}</p>)}</div>
      <div className="sr-only" role="status">{polite}</div>
    </>
  );
}
