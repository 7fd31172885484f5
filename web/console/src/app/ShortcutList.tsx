import { useMe } from '../session/useMe';
import { Check } from '../ui/Check';
import { Dialog } from '../ui/Dialog';
import { placesOf } from './nav';
import css from './Palette.module.css';
import { setShortcuts, useShortcuts } from './shortcuts';

const everywhere: readonly (readonly [keys: string, what: string])[] = [['Ctrl K', 'Search and commands'], ['Esc', 'Close what is open'], ['Tab', 'The next control; in a table, past it']];
const single: readonly (readonly [keys: string, what: string])[] = [['/', 'To the filter of the page'], ['?', 'This list']];
const table: readonly (readonly [keys: string, what: string])[] = [['↑ ↓', 'Row by row; PgUp and PgDn by page, Home and End to the ends'], ['Enter', 'Open the row']];

function Keys({ title, list }: { title: string; list: readonly (readonly [string, string])[] }) {
  return (
    <section aria-label={title}>
      <h3 className="label">{title}</h3>
      <dl className={css.keys}>
        {list.map(([k, what]) => <div key={k}><dt><kbd className={css.kbd}>{k}</kbd></dt><dd>{what}</dd></div>)}
      </dl>
    </section>
  );
}

/** Every shortcut, and the switch for those of a single key. */
export default function ShortcutList({ onClose }: { onClose: () => void }) {
  const me = useMe();
  const on = useShortcuts();
  const going = placesOf(me).filter((p) => p.key).map((p) => [`g ${p.key}`, p.name] as const);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className={css.shortcuts}>
        <Keys title="Everywhere" list={everywhere} />
        <Keys title={on ? 'Single keys' : 'Single keys (off)'} list={[...single, ...going]} />
        <Keys title="In a table" list={table} />
        <Check checked={on} onChange={(e) => setShortcuts(e.currentTarget.checked)} label="Single-key shortcuts. Turn them off when you speak to the computer." />
      </div>
    </Dialog>
  );
}
