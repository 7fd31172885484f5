import { Checkbox } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Role } from '../api/types';
import { setShortcuts, useShortcuts } from '../app/shortcuts';
import { useTitle } from '../app/useTitle';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import css from './help.module.css';

const parts: readonly { title: string; roles?: readonly Role[]; text: ReactNode }[] = [
  { title: 'What you see', text: 'Every value shows its age; one that is older than its limit is struck through. When the feed is cut, a banner says since when, and counts are not current. The pumps go on by themselves.' },
  { title: 'Alarms', text: 'The pump’s own alarm is the primary alarm: this page informs. To acknowledge says that you know; it clears nothing and silences no pump. A high alarm asks for a note.' },
  { title: 'Pumps and links', roles: ['engineer'], text: 'Home counts what needs you. A new pump is registered, gets a claim slip with a one-time code, and appears as online once it has enrolled. Revoking cuts its connection at once.' },
  { title: 'At the bedside', roles: ['prescriber', 'verifier', 'nurse', 'pharmacist'], text: 'You see the pumps of your sites. “Sent” is never “applied”: only the pump’s own signed answer is.' },
  { title: 'The record', roles: ['auditor', 'admin', 'engineer'], text: 'Verify all computes every entry, root and signature in this browser. Compare the head with one that was kept elsewhere, and the key with the ceremony card. The bundle is checked offline with cisterna audit verify.' },
  { title: 'People', roles: ['admin'], text: 'Roles are held per site. An administrator can approve no dose. A lost key is replaced by a one-time code that a second administrator confirms.' },
];

/** Short, true, and for one's own roles. */
export default function HelpPage() {
  useTitle('Help');
  const me = useMe();
  const on = useShortcuts();
  return (
    <div className={css.page}>
      <h1 className="h1">Help</h1>
      {parts.filter((p) => !p.roles || hasAnyRole(me, p.roles)).map((p) => (
        <section key={p.title}><h2 className="h2">{p.title}</h2><p>{p.text}</p></section>
      ))}
      <section>
        <h2 className="h2">Keyboard</h2>
        <p><kbd>Ctrl K</kbd> searches pumps, places and commands. <kbd>?</kbd> lists all keys, <kbd>/</kbd> goes to the filter of a page, <kbd>g</kbd> and a letter to a place.</p>
        <Checkbox checked={on} onChange={(e) => setShortcuts(e.currentTarget.checked)} label="Single-key shortcuts" />
      </section>
      <p><Link className="link" to="/alarms" search={{}}>To the alarms</Link></p>
    </div>
  );
}
