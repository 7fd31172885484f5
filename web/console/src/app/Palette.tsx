import { useRouter } from '@tanstack/react-router';
import { useCallback, useDeferredValue, useEffect, useId, useMemo, useState } from 'react';
import { useMe } from '../session/useMe';
import { Dialog } from '../ui/Dialog';
import { Icon } from '../ui/Icon';
import { type CommandContext, commandsOf } from './commands';
import type { KeysAhead } from './keysAhead';
import { useLive } from './live';
import { placesOf } from './nav';
import css from './Palette.module.css';
import { type Choice, findChoices, groupChoices, orderChoices, personChoices, pumpChoices } from './choices';
import { useOpenOrders } from '../orders/queries';
import { writeValue } from '../fleet/filter/words';
import { useFound } from './useFound';
import { useSites } from './useSites';

/** Search and commands in one box: pumps, places, acts, sites, groups and, for whoever may see them, people. Arrows choose, Enter goes. */
export default function Palette({ context, ahead, onClose }: { context: CommandContext; ahead: KeysAhead; onClose: () => void }) {
  const me = useMe();
  const router = useRouter();
  const { pumps } = useLive().sync;
  const sites = useSites();
  const [text, setText] = useState('');
  const asked = useDeferredValue(text);
  const [at, setAt] = useState(0);
  const [entered, setEntered] = useState(false);
  const id = useId();
  const found = useFound(me, asked);
  const orders = useOpenOrders();

  const fixed = useMemo((): Choice[] => [
    ...placesOf(me).map((p): Choice => ({ id: `place ${p.to}`, group: 'Go to', name: p.name, icon: p.icon, words: p.words, keys: p.key && `g ${p.key}`, run: () => void router.navigate({ to: p.to, search: {} }) })),
    ...commandsOf(me).map((c): Choice => ({
      id: `command ${c.id}`, group: c.to ? 'Show' : 'Do', name: c.name, icon: c.icon, words: c.words,
      run: () => (c.to ? void router.navigate({ to: c.to, search: c.search ?? {} } as never) : c.run?.(context)),
    })),
    ...(me.visit ? [] : sites.list).map((s): Choice => ({ id: `site ${s.id}`, group: 'Sites', name: s.name, icon: 'site', hint: 'pumps of this site', words: s.short, run: () => void router.navigate({ to: '/fleet', search: { site: [s.id] } }) })),
  ], [me, router, context, sites]);
  const choices = useMemo(() => [
    ...pumpChoices(pumps.values(), asked, sites.short, (pump) => void router.navigate({ to: '/pumps/$id', params: { id: pump }, search: {} })),
    ...findChoices(fixed, asked),
    ...orderChoices(orders.data ?? [], asked, sites.short, (order) => void router.navigate({ to: '/orders/$id', params: { id: order }, search: {} })),
    // Last, for they may come late: what is chosen above stays where it is.
    ...groupChoices(found.groups, asked, sites.short, (g) => void router.navigate({ to: '/fleet', search: { q: `group:${writeValue(g.name)} site:${writeValue(sites.short(g.site))}` } })),
    ...personChoices(found.people, (person) => void router.navigate({ to: '/people', search: { person } })),
  ], [fixed, pumps, asked, sites, router, orders.data, found.groups, found.people]);
  const index = Math.min(at, choices.length - 1);
  const chosen = choices[index];

  useEffect(() => {
    document.getElementById(`${id}-${index}`)?.scrollIntoView({ block: 'nearest' });
  }, [id, index]);

  const take = useCallback((c: Choice | undefined) => {
    if (!c) return;
    onClose();
    // After the dialog has gone and given the focus back.
    setTimeout(c.run, 0);
  }, [onClose]);
  useEffect(() => ahead.read((a) => {
    if ('text' in a) setText((t) => t + a.text);
    else if (a.key === 'Backspace') setText((t) => t.slice(0, -1));
    else if (a.key === 'ArrowDown') setAt((i) => i + 1);
    else if (a.key === 'ArrowUp') setAt((i) => Math.max(0, i - 1));
    else if (a.key === 'Enter') setEntered(true);
    else onClose();
  }), [ahead, onClose]);
  useEffect(() => {
    // Typed ahead as well, it means what is found for the text before it.
    if (entered && asked === text) take(chosen);
  }, [entered, asked, text, chosen, take]);
  const move = (by: number) => setAt((choices.length + index + by) % Math.max(1, choices.length));

  return (
    <Dialog title="Search and commands" onClose={onClose}>
      <div className={css.box}>
        <span className={css.field}>
          <Icon name="search" />
          <input
            className={css.input} role="combobox" aria-label="Search" aria-expanded aria-controls={`${id}-list`} aria-autocomplete="list"
            aria-activedescendant={chosen ? `${id}-${index}` : undefined} data-autofocus autoComplete="off" spellCheck={false} value={text}
            placeholder="Pump, place or command" onFocus={() => ahead.stop()} onChange={(e) => { setText(e.currentTarget.value); setAt(0); setEntered(false); }}
            onKeyDown={(e) => {
              if (e.key === 'ArrowDown') move(1);
              else if (e.key === 'ArrowUp') move(-1);
              else if (e.key === 'Enter' && !e.nativeEvent.isComposing) take(chosen);
              else return;
              e.preventDefault();
            }}
          />
        </span>
        <div id={`${id}-list`} role="listbox" aria-label="Found" className={css.list}>
          {choices.map((c, i) => (
            <div key={c.id}>
              {c.group !== choices[i - 1]?.group && <p className={css.groupName} aria-hidden>{c.group}</p>}
              {/* The box keeps the focus and the keys; a pointer may choose too. */}
              <div id={`${id}-${i}`} role="option" tabIndex={-1} aria-selected={c === chosen} className={css.choice} onPointerMove={() => setAt(i)} onClick={() => take(c)} onKeyDown={(e) => e.key === 'Enter' && take(c)}>
                {c.icon ? <Icon name={c.icon} /> : <span className={css.dot} aria-hidden />}
                <span className={css.name} data-mono={c.mono || undefined}>{c.name}</span>
                {c.hint && <span className={css.hint}>{c.hint}</span>}
                {c.keys && <kbd className={css.kbd}>{c.keys}</kbd>}
              </div>
            </div>
          ))}
        </div>
        <p className="sr-only" role="status">{choices.length > 0 ? `${choices.length} found${found.asking ? ', searching people' : ''}` : found.asking ? 'Searching people' : 'Nothing found'}</p>
        {found.asking && <p className={css.nothing} aria-hidden>Searching people…</p>}
        {found.failed.map((what) => <p key={what} className={css.nothing} role="alert">{what === 'people' ? 'People could not be searched' : 'Groups could not be searched'}: the server did not answer as it should. There may be more than is shown.</p>)}
        {orders.isError && <p className={css.nothing} role="alert">Open orders {orders.data ? 'are not current' : 'could not be read'}: the server did not answer as it should.</p>}
        {choices.length === 0 && !found.asking && found.failed.length === 0 && <p className={css.nothing} aria-hidden>Nothing is called “{asked}”. Try a serial number, a patient’s reference, a label, or a page.</p>}
      </div>
    </Dialog>
  );
}
