import { Modal } from '@mantine/core';
import { type ReactNode, type RefObject, useEffect, useState } from 'react';

export interface DialogProps {
  title: string;
  onClose: () => void;
  fullScreen?: boolean;
  /** Wider than a question: for things to read. */
  size?: 'xl';
  /** What gets the focus afterwards, when it is not what had it before: the opener of a menu that has closed. */
  opener?: RefObject<HTMLElement | null>;
  children: ReactNode;
}

/**
 * A dialog for as long as it is mounted. The focus goes in, and afterwards back to where it came from; when that is gone,
 * for the button did what it said, to the main part of the page, so that it never falls out of it.
 */
export default function DialogSheet({ title, onClose, fullScreen = false, size, opener, children }: DialogProps) {
  const [from] = useState(() => document.activeElement);
  useEffect(() => () => {
    requestAnimationFrame(() => {
      if (document.querySelector('[role="dialog"]')) return;
      const to = opener?.current ?? from;
      const target = to instanceof HTMLElement && to.isConnected && to !== document.body ? to : document.getElementById('main');
      target?.focus();
    });
  }, [from, opener]);
  return <Modal opened onClose={onClose} title={title} fullScreen={fullScreen} {...(size && { size })} returnFocus={false}>{children}</Modal>;
}
