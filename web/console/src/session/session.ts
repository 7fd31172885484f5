import { queryOptions } from '@tanstack/react-query';
import { api } from '../api/client';
import { isSignedOut } from '../api/problem';
import type { Me, Role } from '../api/types';

/** Who is signed in; null when nobody is. Other failures are failures: a server that is down has not signed anyone out. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async (): Promise<Me | null> => {
    try {
      return await api.me();
    } catch (err) {
      if (isSignedOut(err)) return null;
      throw err;
    }
  },
  staleTime: Infinity,
  retry: false,
});

export const roleWord: Record<Role, string> = {
  engineer: 'Biomedical engineer', prescriber: 'Prescriber', verifier: 'Verifier', nurse: 'Refill nurse', pharmacist: 'Pharmacist',
  auditor: 'Auditor', admin: 'Administrator',
};

/** Who sees the people of their sites, and what they may do. */
export function oversees(me: Me): boolean {
  return me.roles.some((r) => r.role === 'admin' || r.role === 'auditor');
}

export function administers(me: Me): boolean {
  return me.roles.some((r) => r.role === 'admin');
}

export function hasRole(me: Me, site: string, roles: readonly Role[]): boolean {
  return me.roles.some((r) => r.site === site && roles.includes(r.role));
}

/** Who works with pumps, and so may tag them and share groups and views at their sites. */
export const workers: readonly Role[] = ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist'];

/** Whether somebody has one of the roles at any site. */
export function hasAnyRole(me: Me, roles: readonly Role[]): boolean {
  return me.roles.some((r) => roles.includes(r.role));
}

/**
 * What the screens offer to whom. The server decides; this only hides what it would refuse.
 */
export const may = {
  visit: (me: Me, site: string) => hasRole(me, site, ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist']),
  acknowledge: (me: Me, site: string) => hasRole(me, site, ['engineer', 'prescriber', 'verifier', 'nurse', 'pharmacist']),
};
