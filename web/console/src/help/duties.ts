import type { Role } from '../api/types';

type To = '/' | '/fleet' | '/alarms' | '/orders' | '/devices' | '/recalls' | '/record' | '/people' | '/status' | '/pumps/new' | '/me';

/** What each role does here, in the order in which it is done on a working day. */
export const duties: readonly { readonly role: Role; readonly does: readonly { readonly what: string; readonly to: To; readonly how: string }[] }[] = [
  {
    role: 'engineer',
    does: [
      { what: 'Look at home', to: '/', how: 'for what needs you: alarms, pumps that are not heard, charge, certificates that end.' },
      { what: 'Register pumps', to: '/pumps/new', how: 'and hand their claim slips, with one-time codes, to whoever sets up the communicators.' },
      { what: 'Keep the communicators', to: '/devices', how: 'in stock, reserved, lost or back; exchange one without touching its pump.' },
      { what: 'Work through recalls', to: '/recalls', how: 'device by device, until each has its contact and its outcome.' },
      { what: 'Watch the server', to: '/status', how: 'and act before a date on it is reached.' },
    ],
  },
  {
    role: 'prescriber',
    does: [
      { what: 'Look at home', to: '/', how: 'for orders that wait for you and for alarms of your patients.' },
      { what: 'Propose a dose', to: '/fleet', how: 'on the page of its pump, under “Therapy”. The limits stand there before you type.' },
      { what: 'Follow an order', to: '/orders', how: 'until the pump’s own signed answer. “Sent” is never “applied”.' },
      { what: 'Stop a pump', to: '/fleet', how: 'on its page, alone and at once; somebody else looks at it within a day. Stopping abruptly can harm.' },
    ],
  },
  {
    role: 'verifier',
    does: [
      { what: 'Verify what waits for you', to: '/orders', how: 'by entering its numbers from another source, before you see them. Then read all of it, and sign.' },
      { what: 'Release what is approved', to: '/orders', how: 'while the pump is connected.' },
      { what: 'Look at acts of one person', to: '/orders', how: 'such as a stop at night, within a day.' },
    ],
  },
  {
    role: 'nurse',
    does: [
      { what: 'Look at home', to: '/', how: 'for refills that are due, and orders that wait for their release.' },
      { what: 'Release an approved order', to: '/orders', how: 'at the bedside. You may release what others approved, and change nothing in it.' },
      { what: 'Record readings', to: '/fleet', how: 'of pumps without a link, on their pages under “Readings”.' },
      { what: 'Call about a recall', to: '/recalls', how: 'and write down who was reached.' },
    ],
  },
  {
    role: 'pharmacist',
    does: [
      { what: 'Verify what waits for you', to: '/orders', how: 'by entering its numbers from another source, before you see them.' },
      { what: 'Look at home', to: '/', how: 'for reservoirs that get low, and orders that pumps refused.' },
    ],
  },
  {
    role: 'auditor',
    does: [
      { what: 'Verify the record', to: '/record', how: 'in your own browser: every entry, root and signature. Compare the head with one that was kept elsewhere, and the key with the ceremony card.' },
      { what: 'Export it', to: '/record', how: 'as a signed bundle, which cisterna audit verify checks offline.' },
      { what: 'See who may do what', to: '/people', how: 'at each site, and where duties lie with one person.' },
    ],
  },
  {
    role: 'admin',
    does: [
      { what: 'Manage people', to: '/people', how: 'and their roles at each site. You can approve no dose.' },
      { what: 'Let somebody in again', to: '/people', how: 'by a one-time code that a second administrator confirms, after a time in which the person may object.' },
      { what: 'Watch the server', to: '/status', how: 'and the dates on it.' },
    ],
  },
];
