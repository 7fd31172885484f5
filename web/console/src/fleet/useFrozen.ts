import { type RefCallback, useCallback, useState } from 'react';

const TOUCH_MS = 5000;

/** True while the pointer or the focus is inside the element, and for a moment after a finger was. */
export function useFrozen(): [RefCallback<HTMLElement>, boolean] {
  const [pointer, setPointer] = useState(false);
  const [focus, setFocus] = useState(false);
  const [touch, setTouch] = useState(false);
  const attach = useCallback((el: HTMLElement | null) => {
    if (!el) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const on = new AbortController();
    const { signal } = on;
    const listen = <K extends keyof HTMLElementEventMap>(name: K, f: (e: HTMLElementEventMap[K]) => void) => el.addEventListener(name, f, { signal, passive: true });
    listen('pointerenter', (e) => e.pointerType === 'mouse' && setPointer(true));
    listen('pointerleave', () => setPointer(false));
    listen('focusin', () => setFocus(true));
    listen('focusout', (e) => !el.contains(e.relatedTarget as Node | null) && setFocus(false));
    listen('touchstart', () => {
      setTouch(true);
      clearTimeout(timer);
      timer = setTimeout(() => setTouch(false), TOUCH_MS);
    });
    return () => {
      on.abort();
      clearTimeout(timer);
    };
  }, []);
  return [attach, pointer || focus || touch];
}
