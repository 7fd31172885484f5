import { Popover } from '@mantine/core';
import { type ReactElement, type ReactNode, useState } from 'react';
import css from './PopMenu.module.css';

interface Props {
  /** What the menu is, for a reader. */
  name: string;
  width: number;
  /** Which edge of the opener it keeps to. */
  side?: 'start' | 'end';
  /** Gets the ref and the aria attributes of the opener. */
  opener: (toggle: () => void) => ReactElement;
  children: (close: () => void) => ReactNode;
}

/** A list of buttons that opens under its opener: focus goes in, Escape and a choice bring it back. */
export function PopMenu({ name, width, side = 'end', opener, children }: Props) {
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  return (
    <div className={css.anchor}>
      <Popover opened={opened} onChange={setOpened} position={`bottom-${side}`} width={width} offset={4} withinPortal={false} trapFocus returnFocus>
        <Popover.Target>{opener(() => setOpened(!opened))}</Popover.Target>
        <Popover.Dropdown className={css.drop} aria-label={name}>{children(close)}</Popover.Dropdown>
      </Popover>
    </div>
  );
}

export function PopGroup({ label, children }: { label?: string; children: ReactNode }) {
  return (
    <div role="group" aria-label={label} className={css.group}>
      {label && <p className={css.label} aria-hidden>{label}</p>}
      {children}
    </div>
  );
}

interface ItemProps {
  onClick: () => void;
  icon?: ReactNode;
  hint?: string;
  /** The item is a switch. */
  pressed?: boolean;
  disabled?: boolean;
  children: ReactNode;
}

export function PopItem({ onClick, icon, hint, pressed, disabled, children }: ItemProps) {
  return (
    <button type="button" className={css.item} onClick={onClick} aria-pressed={pressed} disabled={disabled}>
      {icon}
      <span className={css.text}>{children}{hint && <>{' '}<span className="label">{hint}</span></>}</span>
      {pressed && <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden focusable="false"><path d="M3.5 8.5l3 3 6-7" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" /></svg>}
    </button>
  );
}
