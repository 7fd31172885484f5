import { expect, test } from 'vitest';
import type { Me, Role } from '../api/types';
import { me } from '../testing-app';
import { thumbsOf } from './nav';

const as = (...roles: Role[]): Me => ({ ...me, visit: null, roles: roles.map((role) => ({ site: '1', site_name: 'Lakeside', role })) });
const names = (who: Me) => thumbsOf(who).map((p) => p.name);

test('a narrow screen offers four places: whoever has to do with doses their orders, whoever only audits the record', () => {
  for (const role of ['engineer', 'nurse', 'prescriber', 'verifier', 'pharmacist', 'admin'] as const) expect(names(as(role))).toEqual(['Home', 'Fleet', 'Alarms', 'Orders']);
  expect(names(as('auditor'))).toEqual(['Home', 'Fleet', 'Alarms', 'Record']);
  expect(names(as('prescriber', 'auditor'))).toEqual(['Home', 'Fleet', 'Alarms', 'Orders']);
});
