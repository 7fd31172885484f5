import { useQuery } from '@tanstack/react-query';
import { Suspense, useState } from 'react';
import { AlarmItem } from '../alarms/AlarmItem';
import alarmCss from '../alarms/alarms.module.css';
import { api } from '../api/client';
import type { AlarmRow, PumpRow } from '../api/types';
import { compareAlarms } from '../feed/alarmbook';
import { may } from '../session/session';
import { useMe } from '../session/useMe';
import { part } from '../ui/part';
import { Empty, Ghost, Loading, NotCurrent, Trouble } from '../ui/states';

const AckDialog = part(() => import('../alarms/AckDialog'));
const AlarmSheet = part(() => import('../alarms/AlarmSheet'));

/** All alarms that this pump ever had: those that stand as on every list of alarms, then those that are over, newest first. */
export default function AlarmsTab({ row }: { row: PumpRow }) {
  const me = useMe();
  const [ack, setAck] = useState<AlarmRow | null>(null);
  const [open, setOpen] = useState<AlarmRow | null>(null);
  const list = useQuery({ queryKey: ['alarms', 'pump', row.id], queryFn: () => api.alarms({ state: 'all', pump: row.id, limit: 200 }), refetchInterval: 15_000 });
  if (list.isPending) return <><Loading what="alarms" /><Ghost width="100%" height={240} /></>;
  if (list.isError && !list.data) return <Trouble what="The alarms of this pump" error={list.error} retry={() => void list.refetch()} />;
  const all = list.data?.items ?? [];
  const items = [...all.filter((a) => a.state !== 'cleared').toSorted(compareAlarms), ...all.filter((a) => a.state === 'cleared')];
  return (
    <section aria-label="Alarms of this pump">
      {list.isError && <NotCurrent of={list} />}
      {items.length === 0 && <Empty title="This pump has never had an alarm">Every alarm that it raises appears here and stays, also when it is cleared.</Empty>}
      {items.length > 0 && <ul className={alarmCss.list}>{items.map((a) => <AlarmItem key={a.id} alarm={a} showPump={false} onOpen={setOpen} onAck={may.acknowledge(me, row.site) ? setAck : undefined} />)}</ul>}
      {items.length === 200 && <p className="label">Older ones are in the timeline.</p>}
      <Suspense>
        {ack && <AckDialog key={ack.id} alarm={ack} onClose={() => setAck(null)} />}
        {open && <AlarmSheet key={open.id} id={open.id} title={open.title} onClose={() => setOpen(null)} />}
      </Suspense>
    </section>
  );
}
