import { render, screen } from '@testing-library/react';
import { expect, test } from 'vitest';
import type { FleetEvent } from '../api/types';
import { EventLine } from './Events';

const event = (part: Partial<FleetEvent>): FleetEvent => ({
  cursor: 'a', name: 'order.approve', title: 'Order approved', at: '2026-03-01T10:00:00.000Z', site: '1', pump: null, pump_serial: null, actor: 'person:7 anna', object: 'order:5', device: null, reason: null, detail: {}, entry: 4, ...part,
});

test('an event of a signature names who signed, and what was said by it', () => {
  render(<ul><EventLine event={event({ detail: { meaning: 'verify', signer: 'Anna Keller' } })} /><EventLine event={event({ name: 'order.sent', title: 'Order sent' })} /></ul>);
  const [signed, sent] = screen.getAllByRole('listitem');
  expect(signed).toHaveTextContent(/Anna Keller, signed to verify$/);
  expect(sent).toHaveTextContent(/anna$/);
});
