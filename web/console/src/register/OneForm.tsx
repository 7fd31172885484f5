import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import alarmCss from '../alarms/alarms.module.css';
import { type DeviceProfile, devices, type UDI } from '../api/devices';
import { Problem, words } from '../api/problem';
import type { ClaimSlip, Site } from '../api/types';
import { Button } from '../ui/Button';
import { Check } from '../ui/Check';
import { Choice, Line } from '../ui/Field';
import css from '../ui/Table.module.css';
import { millilitres } from '../units/quantity';

export interface Registered {
  id: string;
  serial: string;
  model: string;
  /** It has a communicator, and comes on the line with a claim slip. */
  linked: boolean;
}

interface Props {
  sites: readonly Site[];
  profiles: readonly DeviceProfile[];
  onDone: (pump: Registered, slip: ClaimSlip | null) => void;
}

const verifies = { implant: 'The implant itself verifies signatures.', communicator: 'Only the communicator verifies signatures: who owns it owns the dose.', nobody: 'Nothing verifies signatures. It takes no orders.' } as const;

/** One pump: a scan fills in what the label says, the rest is typed; a claim slip is made at the end. */
export function OneForm({ sites, profiles, onDone }: Props) {
  const [v, setV] = useState({ site: sites.length === 1 ? sites[0]!.id : '', udi: '', serial: '', maker: '', lot: '', profile: '', label: '', asset_no: '' });
  const [noLink, setNoLink] = useState(false);
  const [tried, setTried] = useState(false);
  const set = (name: keyof typeof v) => (value: string) => setV((old) => ({ ...old, [name]: value }));
  const profile = profiles.find((p) => p.id === v.profile);
  const manual = noLink || profile?.linked === false;
  const scan = useMutation({
    mutationFn: (text: string) => devices.udi(text),
    onSuccess: (u: UDI) => setV((old) => ({ ...old, udi: u.canonical, serial: u.serial || old.serial, lot: u.lot || old.lot })),
  });
  const run = useMutation({
    mutationFn: async () => {
      const { maker, lot, label, asset_no, udi } = v;
      const pump = await devices.register({ site: v.site, serial: v.serial.trim(), profile: v.profile, model: profile?.name ?? '', maker: maker.trim() || (profile?.name.split(' ')[0] ?? ''), udi, lot, label, asset_no, manual });
      // The pump is registered whatever becomes of the slip: its page makes another one.
      const slip = manual ? null : await devices.claim(pump.id).catch(() => null);
      return { pump: { id: pump.id, serial: pump.serial, model: profile?.name ?? '', linked: !manual }, slip };
    },
    onSuccess: ({ pump, slip }) => onDone(pump, slip),
  });
  const field = (name: string) => (run.error instanceof Problem ? run.error.fields.find((f) => f.location.endsWith(name))?.message : undefined);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    setTried(true);
    if (v.site && v.profile && (v.serial.trim() || v.udi) && !run.isPending) run.mutate();
  };
  const scanned = scan.data;
  return (
    <form onSubmit={submit} noValidate className={alarmCss.form} style={{ maxWidth: 720 }}>
      <Line label="UDI: scan the label, or type what stands on it" value={v.udi} onText={(t) => { set('udi')(t); scan.reset(); }} onBlur={() => v.udi.trim() && scan.mutate(v.udi)} data-autofocus
        onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); if (v.udi.trim()) scan.mutate(v.udi); } }} styles={{ input: { fontFamily: 'var(--mono)' } }} error={scan.error ? words(scan.error) : field('udi')} />
      {scanned && <p role="status" className="label">{scanned.agency} identifier <span className="mono">{scanned.device_id}</span>{scanned.made_on && `, made ${scanned.made_on}`}{scanned.use_by && `, use by ${scanned.use_by}`}. Its check digit is right.</p>}
      <div className={css.grid2}>
        <Line label="Serial" value={v.serial} onText={set('serial')} error={tried && !v.serial.trim() ? 'The serial is missing, and the UDI names none.' : field('serial')} />
        <Line label="Lot (optional)" value={v.lot} onText={set('lot')} error={field('lot')} />
        <Choice label="Model" value={v.profile} onChoose={set('profile')} error={tried && !v.profile ? 'Choose the model.' : field('profile')} data={[{ value: '', label: 'Choose' }, ...profiles.map((p) => ({ value: p.id, label: `${p.name}, ${millilitres(p.reservoir_capacity_nl, 0)} mL` }))]} />
        <Line label="Maker (empty: as the model says)" value={v.maker} onText={set('maker')} error={field('maker')} />
        <Choice label="Site" value={v.site} onChoose={set('site')} error={tried && !v.site ? 'Choose the site.' : field('site')} data={[...(sites.length > 1 ? [{ value: '', label: 'Choose' }] : []), ...sites.map((s) => ({ value: s.id, label: s.name }))]} />
        <Line label="What the site calls it (optional)" value={v.label} onText={set('label')} error={field('label')} />
        <Line label="Asset number (optional)" value={v.asset_no} onText={set('asset_no')} error={field('asset_no')} />
      </div>
      {profile && <p className="label">{profile.note && `${profile.note} `}{verifies[profile.verifies]}</p>}
      <Check checked={manual} disabled={profile?.linked === false} onChange={(e) => setNoLink(e.currentTarget.checked)} label="It has no link: people record what it does" />
      {run.isError && <p role="alert" className={alarmCss.problem}>{words(run.error)}</p>}
      <div className={css.row}><Button type="submit" loading={run.isPending}>{manual ? 'Register' : 'Register and make a claim slip'}</Button></div>
    </form>
  );
}
