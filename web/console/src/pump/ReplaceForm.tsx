import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { devices, type Fate } from '../api/devices';
import type { PumpRow } from '../api/types';
import { useLive } from '../app/live';
import { Choice, Line } from '../ui/Field';
import { ReasonForm } from '../ui/ReasonForm';
import { fateWord } from './ExplantForm';

interface Props {
  row: PumpRow;
  effect: string;
  onClose: () => void;
}

/** Links a pump that was taken out to the one that took its place. */
export function ReplaceForm({ row, effect, onClose }: Props) {
  const { pumps } = useLive().sync;
  const queries = useQueryClient();
  const [serial, setSerial] = useState('');
  const [tried, setTried] = useState(false);
  const next = [...pumps.values()].find((p) => p.serial.toUpperCase() === serial.trim().toUpperCase() && p.site === row.site && p.id !== row.id);
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['pump'] });
    onClose();
  };
  return (
    <ReasonForm effect={effect} button="Link the replacement" ready={next !== undefined} onTry={() => setTried(true)} onDone={done} onClose={onClose} run={(why) => devices.replace(row.id, next!.id, why)}>
      <Line label="Serial of the new pump" value={serial} onText={setSerial} data-autofocus error={tried && !next ? 'There is no such pump at this site. Register it first.' : undefined} />
    </ReasonForm>
  );
}

/** Records what became of a device after it was taken out. */
export function FateForm({ row, effect, onClose }: Props) {
  const queries = useQueryClient();
  const [fate, setFate] = useState<Fate>('maker');
  const done = () => {
    void queries.invalidateQueries({ queryKey: ['pump', row.id] });
    onClose();
  };
  return (
    <ReasonForm effect={effect} label="To whom, under which number" button="Record" onDone={done} onClose={onClose} run={(why) => devices.fate(row.id, fate, why)}>
      <Choice label="What became of it" value={fate} onChoose={setFate} data-autofocus data={Object.entries(fateWord).map(([value, label]) => ({ value, label }))} />
    </ReasonForm>
  );
}
