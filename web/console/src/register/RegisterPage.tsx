import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { devices } from '../api/devices';
import type { ClaimSlip } from '../api/types';
import { useSites } from '../app/useSites';
import { useTitle } from '../app/useTitle';
import { hasAnyRole, hasRole } from '../session/session';
import { useMe } from '../session/useMe';
import Slip from '../pump/Slip';
import { Choice } from '../ui/Field';
import { FileImport } from '../ui/FileImport';
import { Empty, Ghost, Loading, Trouble } from '../ui/states';
import css from '../ui/Table.module.css';
import { Download } from '../ui/Download';
import { OneForm, type Registered } from './OneForm';

/** A new pump: scanned or typed, with a claim slip at the end; or many from a file. */
export default function RegisterPage() {
  useTitle('Register pumps');
  const me = useMe();
  const sites = useSites().list.filter((s) => hasRole(me, s.id, ['engineer']));
  const profiles = useQuery({ queryKey: ['profiles'], queryFn: devices.profiles, staleTime: 300_000 });
  const [done, setDone] = useState<{ pump: Registered; slip: ClaimSlip | null } | null>(null);
  const [round, setRound] = useState(0);
  if (!hasAnyRole(me, ['engineer'])) return <Empty page title="Biomedical engineers register pumps">Ask one of your site.</Empty>;
  return (
    <div className={css.page}>
      <h1 className="h1" data-screen>Register pumps</h1>
      {done ? (
        <section aria-label="Registered">
          <p role="status" data-screen>Pump <Link className="link mono" to="/pumps/$id" params={{ id: done.pump.id }} search={{}}>{done.pump.serial}</Link> is registered.{!done.pump.linked && ' It has no link: what it does is known from what people record.'}</p>
          {done.pump.linked && !done.slip && <p role="alert"><strong>Its claim slip could not be made.</strong> Without one it does not come on the line. Make one on the page of the pump.</p>}
          {done.slip && <Slip slip={done.slip} serial={done.pump.serial} model={done.pump.model} onClose={() => { setDone(null); setRound(round + 1); }} />}
          {!done.slip && <p><button type="button" className="link" onClick={() => { setDone(null); setRound(round + 1); }}>Register another one</button></p>}
        </section>
      ) : (
        <Tabs defaultValue="one" keepMounted={false}>
          <Tabs.List aria-label="How to register"><Tabs.Tab value="one">One pump</Tabs.Tab><Tabs.Tab value="file">A file</Tabs.Tab></Tabs.List>
          <Tabs.Panel value="one" pt="md">
            {profiles.isPending && <><Loading what="the models" /><Ghost width="100%" height={320} /></>}
            {profiles.isError && <Trouble what="The models of pump" error={profiles.error} retry={() => void profiles.refetch()} />}
            {profiles.data && <OneForm key={round} sites={sites} profiles={profiles.data} onDone={(pump, slip) => setDone({ pump, slip })} />}
          </Tabs.Panel>
          <Tabs.Panel value="file" pt="md"><PumpFile sites={sites} profiles={profiles.data?.map((p) => p.id) ?? []} /></Tabs.Panel>
        </Tabs>
      )}
    </div>
  );
}

function PumpFile({ sites, profiles }: { sites: readonly { id: string; name: string }[]; profiles: readonly string[] }) {
  const [site, setSite] = useState('');
  return (
    <div style={{ maxWidth: 720 }}>
      <FileImport things="pumps" example="site,serial,maker,model,profile,label,udi,manual,lot,asset_no" onDone={() => undefined} run={(file, dry) => devices.pumpsFile(file, dry, site)}>
        <p>One line for each pump. model and profile are required, and a serial or a UDI that names one. Columns may stand in any order; <Download href="/api/v1/pumps/export">an export</Download> has all of them. Profiles: <span className="mono">{profiles.join(', ')}</span>.</p>
        <Choice label="Site for lines without one" value={site} onChoose={setSite} data={[{ value: '', label: 'Every line names its site' }, ...sites.map((s) => ({ value: s.id, label: s.name }))]} />
      </FileImport>
    </div>
  );
}
