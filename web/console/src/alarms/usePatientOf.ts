import type { AlarmRow } from '../api/types';
import { usePatient } from '../app/live';

/**
 * Whom an alarm is of, in words; empty if in nobody. While it lasts, that is whom the pump is in now, which the feed knows sooner than
 * the alarm says it; one that is over keeps what the server says, who knows whether that was before this patient.
 */
export function usePatientOf(alarm: AlarmRow): string {
  const now = usePatient(alarm.pump);
  const token = alarm.state === 'cleared' || now === undefined ? alarm.patient : now;
  return token ? `patient ${token}` : '';
}
