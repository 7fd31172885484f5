import { useEffect, useId, useState } from 'react';
import css from './ExactTimes.module.css';
import { PRESSED, ROWS } from './Time';

/** How far the note keeps from the edge of the window, and how tall and wide it may become, in px. */
const EDGE = 8;
const TALL = 96;
const WIDE = 320;

interface Told {
  /** What has the focus, or was pressed. */
  readonly by: Element;
  /** The time, or the row, entry or link with the times. */
  readonly host: Element;
}

const timesIn = (host: Element) => (host.matches('time') ? [host as HTMLElement] : [...host.querySelectorAll<HTMLElement>('time[title]')]);

/** Where the times of what has the focus stand: it is one, has them itself, or is in a row or entry that has. */
function hostOf(el: Element): Element | null {
  const self = el.closest('time[title]') ?? el.closest(PRESSED);
  return self && timesIn(self).length > 0 ? self : el.closest(ROWS);
}

/** The exact times, each once; behind what stands in the page where there are several. */
function lines(host: Element): string[] {
  if (host.matches('time')) return [(host as HTMLElement).title];
  const said = new Map<string, string>();
  for (const t of timesIn(host)) if (!said.has(t.title)) said.set(t.title, t.textContent === t.title ? t.title : `${t.textContent}: ${t.title}`);
  return [...said.values()];
}

/**
 * Says the exact times behind ages where a pointer that hovers is not to be had: of the time that has the focus of a keyboard, of
 * all in the row, entry or link that has it, and of one that is pressed. Escape takes the note away.
 */
export default function ExactTimes() {
  const id = useId();
  const [told, setTold] = useState<Told | null>(null);
  // Ages go on, rows move: the note is written anew every second and whenever something scrolls.
  const [, again] = useState(0);

  useEffect(() => {
    // Whoever focuses with a pointer has one to hover with, or presses.
    let keyed = false;
    const tell = (by: Element, host: Element | null) => setTold(host && timesIn(host).length > 0 ? { by, host } : null);
    const onFocus = (e: FocusEvent) => {
      const el = e.target as Element;
      if (keyed) tell(el, hostOf(el));
      else setTold(null);
    };
    const onClick = (e: MouseEvent) => {
      const el = e.target as Element;
      const time = el.closest('time[title]');
      // A press on what opens something opens it.
      if (time && !time.closest(`${PRESSED}, label`)) tell(time, time);
      else setTold((t) => (t?.by.contains(el) ? t : null));
    };
    const onPointer = () => { keyed = false; };
    const onKey = (e: KeyboardEvent) => {
      keyed = true;
      if (e.key === 'Escape') setTold(null);
    };
    const onLeave = () => setTold(null);
    document.addEventListener('focusin', onFocus);
    document.addEventListener('focusout', onLeave);
    document.addEventListener('click', onClick);
    document.addEventListener('pointerdown', onPointer, true);
    document.addEventListener('keydown', onKey, true);
    return () => {
      document.removeEventListener('focusin', onFocus);
      document.removeEventListener('focusout', onLeave);
      document.removeEventListener('click', onClick);
      document.removeEventListener('pointerdown', onPointer, true);
      document.removeEventListener('keydown', onKey, true);
    };
  }, []);

  useEffect(() => {
    if (!told) return;
    const write = () => again((n) => n + 1);
    const timer = setInterval(write, 1000);
    document.addEventListener('scroll', write, { capture: true, passive: true });
    // A time has it as its title already.
    const says = told.by.matches('time') || told.by.hasAttribute('aria-describedby') ? null : told.by;
    says?.setAttribute('aria-describedby', id);
    return () => {
      clearInterval(timer);
      document.removeEventListener('scroll', write, { capture: true });
      says?.removeAttribute('aria-describedby');
    };
  }, [told, id]);

  if (!told || !told.host.isConnected) return null;
  const at = timesIn(told.host)[0]?.getBoundingClientRect();
  if (!at) return null;
  const style = {
    left: Math.max(EDGE, Math.min(at.left, innerWidth - WIDE - EDGE)),
    ...(at.bottom + TALL < innerHeight ? { top: at.bottom + 4 } : { bottom: innerHeight - at.top + 4 }),
  };
  return <div role="tooltip" id={id} className={css.note} style={style}>{lines(told.host).map((l) => <p key={l}>{l}</p>)}</div>;
}
