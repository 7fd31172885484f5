import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { Problem, words } from '../api/problem';
import { LogoMark } from './Logo';
import css from './states.module.css';

/** What a screen shows when there is nothing to show, and what to do about it. */
export function Empty({ title, children, action, page = false }: { title: string; children?: ReactNode; action?: ReactNode; page?: boolean }) {
  // When it is all that the page shows, its title is the page's.
  const Title = page ? 'h1' : 'p';
  return (
    <div className={css.empty}>
      <LogoMark size={40} />
      <Title className="h2">{title}</Title>
      {children && <div className={css.text}>{children}</div>}
      {action}
    </div>
  );
}

/** Trouble in one part of a screen: what happened, what to do, and the number to tell support. */
export function Trouble({ error, retry, what }: { error: unknown; retry?: () => void; what: string }) {
  const id = error instanceof Problem ? error.requestId : null;
  return (
    <div className={css.trouble} role="alert">
      <p><strong>{what} could not be read.</strong> {words(error)}</p>
      <p className={css.row}>
        {retry && <Button variant="default" onClick={retry}>Try again</Button>}
        {id && <span className="label">Request <code>{id}</code></span>}
      </p>
    </div>
  );
}

/** A placeholder of the final size. */
export function Ghost({ width, height }: { width: number | string; height?: number }) {
  return <span className="ghost" style={{ width, height }} aria-hidden />;
}

export function Loading({ what }: { what: string }) {
  return <p className="sr-only" role="status">Loading {what}…</p>;
}
