import type { ComponentPropsWithRef, ReactElement, ReactNode } from 'react';
import { Pop } from './Pop';
import css from './PopMenu.module.css';

interface Props {
  /** What the menu is, for a reader. */
  name: string;
  width: number;
  /** Which edge of the opener it keeps to. */
  side?: 'start' | 'end';
  /** Gets the ref, the press and the aria attributes of the opener. */
  opener: ReactElement<ComponentPropsWithRef<'button'>>;
  children: (close: () => void) => ReactNode;
}

/** A list of buttons that opens under its opener: focus goes in, Escape and a choice bring it back. */
export function PopMenu({ name, width, side = 'end', opener, children }: Props) {
  return (
    <div className={css.anchor}>
      <Pop name={name} side={side} width={width} inPlace className={css.drop!} opener={opener}>{children}</Pop>
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
