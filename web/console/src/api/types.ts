import type { components } from './schema';

/**
 * The shapes of the API under the names that the console uses. They come from openapi.yaml, which the server writes.
 * Volumes, rates and concentrations are digit strings; see units/quantity.
 */
type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Role = Schemas['MyRole']['role'];
export type DemoPerson = Schemas['DemoPerson'];
export type Asked = Schemas['Asked'];
export type Visit = Schemas['Visit'];
export type WaysIn = Schemas['WaysIn'];
export type PasskeyAnswer = Schemas['PasskeyAnswer'];
export type Enrolment = Schemas['Enrolment'];
export type Security = Schemas['Security'];
export type OneTimeCode = Schemas['Code'];
export type IssuedCode = Schemas['IssuedCode'];
export type Made = Schemas['Made'];
export type SignInKey = Schemas['SignInKey'];
export type Site = Schemas['Site'];

export type Presence = Schemas['PumpRow']['presence'];
export type PumpStatus = Schemas['PumpRow']['status'];
export type RunState = 'infusing' | 'minimum' | 'stopped' | 'bolus' | 'priming' | 'bridge';
export type PumpRow = Omit<Schemas['PumpRow'], 'run'> & { run: RunState | null };
export type PumpSnapshot = Omit<Schemas['PumpList'], 'rows'> & { rows: PumpRow[] };
export type PumpDetail = Omit<Schemas['PumpDetail'], 'run'> & { run: RunState | null };
export type Program = Schemas['Program'];

export type AlarmRow = Schemas['AlarmRow'];
export type AlarmList = Schemas['AlarmsOutputBody'];
export type Priority = AlarmRow['priority'];

export type Telemetry = Schemas['Series'];
export type Refusal = Schemas['Refusal'];
export type TimelineItem = Omit<Schemas['Item'], 'priority'> & { priority: Priority | null };
export type TimelineKind = TimelineItem['kind'];
export type TimelineGroup = TimelineItem['group'];
export type TimelineBy = TimelineItem['by'];

export type AuditRow = Schemas['AuditRow'];
export type AuditProof = Schemas['Proof'];
export type Stretch = Schemas['Stretch'];
export type Consistency = Schemas['Consistency'];
export type RecordKeys = Schemas['RecordKeys'];
export type FleetEvent = Schemas['Event'];
export type EventName = Schemas['EventName'];
export type EventPage = Schemas['EventsOutputBody'];
export type Status = Schemas['Status'];
export type Part = Schemas['Part'];
export type Checkpoint = Schemas['Checkpoint'];
export type Person = Schemas['Person'];
export type RoleAt = Pick<Person['roles'][number], 'site' | 'role'>;
export type RolesInfo = Schemas['RolesInfo'];
export type ApiToken = Schemas['APIToken'];
export type Scope = 'pumps.read' | 'pumps.write' | 'alarms.read' | 'events.read' | 'record.read' | 'people.read' | 'status.read';
export type NewToken = Schemas['NewTokenOutputBody'];
export type SiteFacts = Schemas['SiteFacts'];

export type ClaimSlip = Schemas['Slip'];

export interface Page<T> {
  items: T[];
  next: string | null;
}
