import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { devices } from '../api/devices';
import { Problem, words } from '../api/problem';
import { useSites } from '../app/useSites';
import { hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import { Button } from '../ui/Button';
import { Choice, Line } from '../ui/Field';

/** Puts one communicator into a site's stock. */
export function StockForm({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const me = useMe();
  const sites = useSites().list.filter((s) => hasRole(me, s.id, ['engineer']));
  const [v, setV] = useState({ site: '', serial: '', model: '', lot: '', asset_no: '' });
  const [tried, setTried] = useState(false);
  const site = v.site || (sites[0]?.id ?? '');
  const run = useMutation({ mutationFn: () => devices.stock({ ...v, site }), onSuccess: onDone });
  const field = (name: keyof typeof v) => (run.error instanceof Problem ? run.error.fields.find((f) => f.location.endsWith(name))?.message : undefined);
  const set = (name: keyof typeof v) => (value: string) => setV({ ...v, [name]: value });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (v.serial.trim() && v.model.trim() && !run.isPending) run.mutate();
  };
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form}>
      <Line label="Serial, as printed" value={v.serial} onText={set('serial')} data-autofocus error={tried && !v.serial.trim() ? 'The serial is missing.' : field('serial')} />
      <Line label="Model" value={v.model} onText={set('model')} error={tried && !v.model.trim() ? 'The model is missing.' : field('model')} />
      <Choice label="Site" value={site} onChoose={set('site')} data={sites.map((s) => ({ value: s.id, label: s.name }))} />
      <Line label="Lot (optional)" value={v.lot} onText={set('lot')} error={field('lot')} />
      <Line label="Asset number (optional)" value={v.asset_no} onText={set('asset_no')} error={field('asset_no')} />
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={alarmCss.buttons}><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={run.isPending}>Put into stock</Button></div>
    </form>
  );
}
