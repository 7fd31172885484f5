import { Modal } from '@mantine/core';
import { type ReactNode, type RefObject, useEffect, useState } from 'react';
import css from './Side.module.css';

/** A sheet at the side of the page for one thing of a list: it takes the focus, Escape closes it, and the focus goes back. */
export default function SideSheet({ title, onClose, opener, children }: { title: string; onClose: () => void; opener?: RefObject<HTMLElement | null>; children: ReactNode }) {
  const [from] = useState(() => document.activeElement);
  useEffect(() => () => {
    requestAnimationFrame(() => {
      if (document.querySelector('[role="dialog"]')) return;
      const to = opener?.current ?? from;
      const target = to instanceof HTMLElement && to.isConnected && to !== document.body ? to : document.getElementById('main');
      target?.focus();
    });
  }, [from, opener]);
  return <Modal opened onClose={onClose} title={title} returnFocus={false} classNames={{ inner: css.inner!, content: css.content! }} yOffset={0} xOffset={0}>{children}</Modal>;
}
