import { cloneElement, type ReactElement, Suspense, useCallback, useRef, useState } from 'react';
import { part } from './part';
import type { PopProps } from './PopSheet';

const Sheet = part(() => import('./PopSheet'), { instead: ({ opener }) => opener });

type Opener = ReactElement<React.ComponentPropsWithRef<'button'>>;

/**
 * A sheet that opens beside its opener: focus goes in, Escape brings it back. What places it comes in a part of its own
 * (PopSheet.tsx), so that no first page waits for it; until then the opener stands alone, and a press on it is kept.
 */
export function Pop({ opener, ...rest }: Omit<PopProps, 'opened' | 'onChange' | 'held' | 'opener'> & { opener: Opener }) {
  const [opened, setOpened] = useState(false);
  const held = useRef(false);
  // Called while the lone opener is taken away, but is still in the page.
  const leaving = useCallback((node: HTMLButtonElement) => () => { held.current = document.activeElement === node; }, []);
  const onClick = () => setOpened((o) => !o);
  const alone = cloneElement(opener, { ref: leaving, onClick, 'aria-haspopup': 'dialog', 'aria-expanded': false });
  return <Suspense fallback={alone}><Sheet {...rest} opened={opened} onChange={setOpened} held={held} opener={cloneElement(opener, { onClick })} /></Suspense>;
}
