import { useEffect, useRef, useState } from 'react';
import type { AlarmFrame } from '../feed/frames';
import { priorityWord } from '../ui/Mark';
import { useLive } from './live';

const QUIET_MS = 5000;
const BURST = 10;

const name = (f: AlarmFrame) => `${f.alarm.title}, pump ${f.alarm.pump_serial}`;

/** What a reader of the screen hears: new high alarms at once, others politely, at most every 5 s, a flood as one sentence. */
export function AlarmAnnouncer() {
  const { alarms } = useLive().sync;
  const [assertive, setAssertive] = useState('');
  const [polite, setPolite] = useState('');
  const heard = useRef(new Set<string>());
  useEffect(() => {
    let waiting: AlarmFrame[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const say = () => {
      timer = undefined;
      if (waiting.length > 0) setPolite(waiting.length > BURST ? `${waiting.length} new alarms` : waiting.map((f) => `${priorityWord[f.alarm.priority]} alarm: ${name(f)}`).join('. '));
      waiting = [];
    };
    const off = alarms.onChange((f) => {
      if (f.change !== 'raised' || f.alarm.priority === 'info' || heard.current.has(f.alarm.id)) return;
      heard.current.add(f.alarm.id);
      if (f.alarm.priority === 'high') {
        setAssertive(`High alarm: ${name(f)}`);
        return;
      }
      waiting.push(f);
      timer ??= setTimeout(say, QUIET_MS);
    });
    return () => {
      off();
      clearTimeout(timer);
    };
  }, [alarms]);
  return (
    <>
      <div className="sr-only" role="alert">{assertive}</div>
      <div className="sr-only" role="status">{polite}</div>
    </>
  );
}
