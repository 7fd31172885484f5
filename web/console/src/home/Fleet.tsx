import { useQuery } from '@tanstack/react-query';
import { devices } from '../api/devices';
import { useAlarmCheck, useAlarmCounts, useLive } from '../app/live';
import { Ghost } from '../ui/states';
import { duration } from '../units/time';
import { Card, Count, FleetCard, Good, Pumps } from './Card';
import type { Counts } from './counts';
import css from './home.module.css';

/** Alarms by priority; "none" is said only when that was checked a moment ago. */
export function Alarms() {
  const counts = useAlarmCounts();
  const check = useAlarmCheck();
  const none = counts.high + counts.medium + counts.low === 0;
  return (
    <Card title="Alarms">
      {check.at === null && <Ghost width="100%" height={128} />}
      {check.at !== null && none && (check.recent ? <Good>No active alarms, checked less than 30 seconds ago.</Good> : <p className={css.old}>Not current: alarms were not checked in the last 30 seconds.</p>)}
      {check.at !== null && !none && (
        <div className={css.counts}>
          {(['high', 'medium', 'low'] as const).map((p) => (
            <Count key={p} n={counts[p]} to={{ to: '/alarms', search: { priority: p } }}>
              {p}{counts.waiting[p] > 0 && `, ${counts.waiting[p]} not acknowledged`}
            </Count>
          ))}
        </div>
      )}
    </Card>
  );
}

/** Who was heard. The rule of each profile in use stands below: for an implant, hours of silence can be normal. */
export function Reach({ of }: { of: Counts | null }) {
  return (
    <FleetCard
      title="Reach" of={of} good="Every pump in service is heard as its profile asks."
      trouble={[
        ['offline', 'offline'], ['stale', 'connected, but silent for longer than their profile allows'],
        ['quiet', 'not heard for more than 15 minutes', 'heard'], ['never', 'in service and never heard'],
      ]}
      foot={<SilenceRules />}
    >
      {(c) => <Pumps of={c} name="online">online</Pumps>}
    </FleetCard>
  );
}

function SilenceRules() {
  const { sync } = useLive();
  const used = new Set<string>();
  for (const r of sync.pumps.values()) used.add(r.profile);
  const query = useQuery({ queryKey: ['profiles'], queryFn: devices.profiles, staleTime: 300_000, refetchInterval: (q) => (q.state.status === 'error' ? 10_000 : false) });
  const rules = (query.data ?? []).filter((p) => used.has(p.id) && p.offline_seconds > 0);
  if (query.isError && !query.data) return <p className={css.rules} role="status">The rules of silence could not be read. <button type="button" className="link" onClick={() => void query.refetch()}>Try again</button></p>;
  if (rules.length === 0) return null;
  return (
    <details className={css.rules}>
      <summary>What counts as silent</summary>
      <ul>
        {rules.map((p) => <li key={p.id}>{p.name}: values are old after {duration(p.stale_seconds)}, offline after {duration(p.offline_seconds)}, an alarm after {duration(p.alarm_seconds)}.</li>)}
      </ul>
      <p>The strictest rule of each profile: what is in a reservoir may be what harms when it stops.</p>
    </details>
  );
}

/** What runs out: drug, charge, and what no longer delivers. */
export function Supply({ of }: { of: Counts | null }) {
  return (
    <FleetCard
      title="Pumps" of={of} good="None has stopped, none is low on charge."
      trouble={[
        ['stopped', 'stopped: they deliver nothing'], ['minimum', 'at the minimum rate only'],
        ['battery', 'with 20 % of their battery or less', 'battery'],
      ]}
    >
      {(c) => <Pumps of={c} name="all">in all</Pumps>}
    </FleetCard>
  );
}

/** Refills that are due: by the program, without patient boluses. Planning is for people. */
export function Refills({ of }: { of: Counts | null }) {
  return (
    <FleetCard
      title="Refills" of={of} good="No reservoir gets low within 14 days by its program."
      trouble={[['low', 'at or below the low-reservoir mark', 'reservoir'], ['soon', 'reach it within 14 days by their program', 'low_in']]}
      foot={<p className="label">Without patient boluses, which bring the day nearer.</p>}
    />
  );
}

/** What the link says of itself. A link's certificate is good for 30 days and renewed when a third of them is left. */
export function Links({ of }: { of: Counts | null }) {
  return (
    <FleetCard
      title="Links" of={of} good="Nothing was refused or lost in 24 hours, and every certificate was renewed in time."
      trouble={[
        ['cert', 'whose certificate ends within 7 days: it should have been renewed', 'cert'], ['gaps', 'declared gaps in the last 24 hours', '-gaps'], ['refused', 'had messages refused in the last 24 hours', 'quality'],
        ['behind', 'lack a keyset, library or profile that they should have', 'sync'],
      ]}
    />
  );
}

/** Patients with alarms, by their pumps. */
export function Patients({ of }: { of: Counts | null }) {
  return (
    <FleetCard title="Pumps with alarms" of={of} good="None of your pumps has an active alarm." trouble={[['high', 'with a high alarm'], ['medium', 'with a medium alarm'], ['stopped', 'stopped: they deliver nothing']]}>
      {(c) => <Pumps of={c} name="alarmed">with any alarm</Pumps>}
    </FleetCard>
  );
}
