import { useQuery } from '@tanstack/react-query';
import { orders, type Prescription } from '../api/orders';
import { useSites } from '../app/useSites';
import { patientId, siteId } from '../order/ids';
import type { Names } from './rows';

/** What the server says beside a document: tokens of patients, and sites by their number with their name. */
export interface Known {
  readonly patients?: readonly (string | null | undefined)[];
  readonly sites?: readonly { readonly id: string; readonly name: string }[];
}

/** The names that are of the ids in a document: each is hashed here, so that no other patient or site can stand beside an id that is signed. */
export async function namesOf(p: Pick<Prescription, 'patient' | 'site' | 'transfer'>, known: Known): Promise<Names> {
  let patient: string | null = null;
  for (const token of known.patients ?? []) if (token && await patientId(token) === p.patient) patient = token;
  const sites = new Map<string, string>();
  for (const s of known.sites ?? []) if (/^\d+$/.test(s.id)) sites.set(await siteId(s.id), s.name);
  return { patient, site: sites.get(p.site) ?? null, to: (p.transfer && sites.get(p.transfer.site)) ?? null };
}

export function useNames(p: Prescription, known: Known = {}): Names {
  const { data } = useQuery({ queryKey: ['names', p.patient, p.site, p.transfer?.site ?? '', known], queryFn: () => namesOf(p, known), staleTime: Infinity });
  return data ?? {};
}

/** The sites that a person sees, and those that a pump could go to. */
export function useKnownSites(pump: string, transfer: boolean): { all: { id: string; name: string }[] } {
  const { list } = useSites();
  const to = useQuery({ queryKey: ['orders', 'destinations', pump], queryFn: () => orders.destinations(pump), enabled: transfer });
  return { all: [...list, ...(to.data?.items ?? [])].map((s) => ({ id: s.id, name: s.name })) };
}
