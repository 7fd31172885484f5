import { Popover } from '@mantine/core';
import { type ReactElement, type ReactNode, type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react';

export interface PopProps {
  /** What opens, for a reader. */
  name: string;
  /** Which edge of the opener it keeps to. */
  side: 'start' | 'end';
  width?: number;
  /** In the page beside its opener, not at the end of it. */
  inPlace?: boolean;
  className?: string;
  opened: boolean;
  onChange: (opened: boolean) => void;
  /** Whether the opener that stood here before had the focus. */
  held: RefObject<boolean>;
  opener: ReactElement;
  children: ReactNode | ((close: () => void) => ReactNode);
}

/** What Pop shows, once it has come. */
export default function PopSheet({ name, side, width, inPlace = false, className, opened, onChange, held, opener, children }: PopProps) {
  const target = useRef<HTMLElement>(null);
  // It opens after its opener is there: what has the focus then gets it back.
  const [ready, setReady] = useState(false);
  useLayoutEffect(() => {
    if (held.current) target.current?.focus({ preventScroll: true });
  }, [held]);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setReady(true));
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <Popover opened={opened && ready} onChange={onChange} position={`bottom-${side}`} {...(width !== undefined && { width })} offset={4} withinPortal={!inPlace} trapFocus returnFocus>
      <Popover.Target ref={target}>{opener}</Popover.Target>
      <Popover.Dropdown aria-label={name} {...(className !== undefined && { className })}>{typeof children === 'function' ? children(() => onChange(false)) : children}</Popover.Dropdown>
    </Popover>
  );
}
