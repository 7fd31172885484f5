import { CloseButton, TextInput } from '@mantine/core';
import { useEffect, useId, useRef, useState } from 'react';
import { useLive } from '../app/live';
import type { useSites } from '../app/useSites';
import { Icon } from '../ui/Icon';
import css from './FilterBox.module.css';
import { suggest, type Suggestion } from './suggest';
import type { FilterState } from './useFilter';

interface Props {
  value: string;
  onChange: (q: string) => void;
  filter: FilterState;
  sites: ReturnType<typeof useSites>;
  box: React.RefObject<HTMLInputElement | null>;
}

/** Ten thousand pumps are looked through after a pause in the typing, not at every key. */
const PAUSE_MS = 120;

/**
 * The filter as text, with what may come next. Typing must never wait for the address to change, so the text is its own and
 * follows the address only when that moves by itself.
 */
export function FilterBox({ value, onChange, filter, sites, box }: Props) {
  const { sync } = useLive();
  const [text, setText] = useState(value);
  const [offers, setOffers] = useState<readonly Suggestion[]>([]);
  const [chosen, setChosen] = useState(-1);
  const sent = useRef(value);
  const pause = useRef<ReturnType<typeof setTimeout>>(undefined);
  const id = useId();
  useEffect(() => {
    if (value !== sent.current.trim() && value !== sent.current) {
      clearTimeout(pause.current);
      setText(value);
    }
    sent.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(pause.current), []);
  const type = (q: string, wait = PAUSE_MS) => {
    setText(q);
    clearTimeout(pause.current);
    pause.current = setTimeout(() => {
      sent.current = q;
      onChange(q);
    }, wait);
  };
  const offer = (q: string, caret: number) => {
    setOffers(suggest(q.slice(0, caret), filter.fields, sync.pumps.values(), filter.groups, sites.short));
    setChosen(-1);
  };
  const close = () => {
    setOffers([]);
    setChosen(-1);
  };
  const take = (s: Suggestion) => {
    const input = box.current!;
    const after = text.slice(input.selectionStart ?? text.length);
    const next = s.text + after;
    type(next, 0);
    requestAnimationFrame(() => {
      input.focus();
      input.setSelectionRange(s.text.length, s.text.length);
      offer(next, s.text.length);
    });
  };
  const open = offers.length > 0;
  const error = filter.error !== null && !open && text.trim() !== '' ? filter.error : null;
  return (
    <div className={css.box}>
      <TextInput
        ref={box} value={text} aria-label="Filter by text" placeholder="Serial, drug, presence:offline, battery<40" leftSection={<Icon name="search" />}
        spellCheck={false} autoComplete="off" autoCapitalize="off" role="combobox" aria-expanded={open} aria-controls={`${id}-list`} aria-autocomplete="list"
        aria-activedescendant={chosen >= 0 ? `${id}-${chosen}` : undefined} aria-describedby={error ? `${id}-error` : undefined} aria-invalid={error ? true : undefined}
        rightSection={text ? <CloseButton size="sm" aria-label="Clear the text" onClick={() => { close(); type('', 0); }} /> : <kbd className={css.kbd}>/</kbd>}
        onChange={(e) => {
          type(e.currentTarget.value);
          offer(e.currentTarget.value, e.currentTarget.selectionStart ?? e.currentTarget.value.length);
        }}
        onBlur={close}
        onKeyDown={(e) => {
          const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
          if (open && step !== 0) {
            e.preventDefault();
            setChosen((n) => (n + step + offers.length + (n < 0 && step < 0 ? 1 : 0)) % offers.length);
          } else if (open && ((e.key === 'Enter' && chosen >= 0) || (e.key === 'Tab' && !e.shiftKey && chosen >= 0))) {
            e.preventDefault();
            take(offers[chosen]!);
          } else if (e.key === 'Escape' && open) {
            e.preventDefault();
            close();
          } else if (e.key === 'Escape' && text) {
            e.preventDefault();
            type('', 0);
          } else if (e.key === 'Enter') {
            close();
            type(text, 0);
          }
        }}
      />
      <div id={`${id}-list`} role="listbox" aria-label="What may come next" className={css.list} hidden={!open}>
        {offers.map((o, i) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the box has the keys
          <div key={o.label} id={`${id}-${i}`} role="option" tabIndex={-1} aria-selected={i === chosen} className={css.option} onMouseDown={(e) => e.preventDefault()} onClick={() => take(o)}>
            <span className="mono">{o.label}</span>
            {o.hint && <span className="label">{o.hint}</span>}
          </div>
        ))}
      </div>
      <p id={`${id}-error`} role="status" className={css.error}>{error ? `${error} Until then the filter before counts.` : ''}</p>
    </div>
  );
}
