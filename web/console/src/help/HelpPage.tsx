import { Link } from '@tanstack/react-router';
import { placesOf } from '../app/nav';
import { setShortcuts, useShortcuts } from '../app/shortcuts';
import { useTitle } from '../app/useTitle';
import { hasAnyRole, roleWord } from '../session/session';
import { useMe } from '../session/useMe';
import { Check } from '../ui/Check';
import { docs } from './docs';
import { glossary } from './glossary';
import css from './help.module.css';
import { duties } from './duties';

/** What one does here, by one's own roles; the keys, the words, and the documents. */
export default function HelpPage() {
  useTitle('Help');
  const me = useMe();
  const on = useShortcuts();
  const mine = duties.filter((d) => hasAnyRole(me, [d.role]));
  const first = docs.filter((d) => hasAnyRole(me, d.roles));
  return (
    <div className={css.page}>
      <h1 className="h1">Help</h1>
      {mine.map((d) => (
        <section key={d.role} aria-labelledby={`as-${d.role}`}>
          <h2 id={`as-${d.role}`} className="h2">What you do here as {roleWord[d.role].toLowerCase()}</h2>
          <ol className={css.items}>
            {d.does.map((x) => <li key={x.what}><Link className="link" to={x.to} search={{}}>{x.what}</Link> {x.how}</li>)}
          </ol>
        </section>
      ))}
      <section aria-labelledby="always">
        <h2 id="always" className="h2">What always holds</h2>
        <p>Every value shows its age; one that is older than its limit is struck through. When the feed is cut, a banner says since when, and counts are not current. The pumps go on by themselves.</p>
        <p>The pump’s own alarm is the primary alarm: this console informs. To acknowledge says that you know; it clears nothing and silences no pump. A high alarm asks for a note.</p>
      </section>
      <section aria-labelledby="documents">
        <h2 id="documents" className="h2">Documents</h2>
        <ul className={css.docs}>{[...first, ...docs.filter((d) => !first.includes(d))].map((d) => <li key={d.name}><Link className="link" to="/help/$doc" params={{ doc: d.name }} search={{}}>{d.title}</Link> <span className="label">{d.about}</span></li>)}</ul>
      </section>
      <section aria-labelledby="keyboard">
        <h2 id="keyboard" className="h2">Keyboard</h2>
        <dl className={css.keys}>
          <div><dt><kbd>Ctrl K</kbd></dt><dd>Search pumps, places, people and commands, from everywhere</dd></div>
          <div><dt><kbd>/</kbd></dt><dd>To the filter of a page</dd></div>
          <div><dt><kbd>?</kbd></dt><dd>All keys</dd></div>
          <div><dt><kbd>↑ ↓</kbd></dt><dd>Row by row in a table; Enter opens the row</dd></div>
          {placesOf(me).filter((p) => p.key).map((p) => <div key={p.to}><dt><kbd>g {p.key}</kbd></dt><dd>{p.name}</dd></div>)}
        </dl>
        <Check checked={on} onChange={(e) => setShortcuts(e.currentTarget.checked)} label="Single-key shortcuts. Turn them off when you speak to the computer." />
      </section>
      <section aria-labelledby="words">
        <h2 id="words" className="h2">Words</h2>
        {glossary.map((g) => (
          <section key={g.id} aria-labelledby={`words-${g.id}`}>
            <h3 id={`words-${g.id}`} className="label">{g.title}</h3>
            <dl className={css.words}>{g.words.map(([w, means]) => <div key={w}><dt>{w}</dt><dd>{means}</dd></div>)}</dl>
          </section>
        ))}
      </section>
    </div>
  );
}
