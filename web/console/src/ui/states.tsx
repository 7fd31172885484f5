import type { ReactNode } from 'react';
import { Problem } from '../api/problem';
import { Button } from './Button';
import { LogoMark } from './Logo';
import css from './states.module.css';
import { Why } from './Why';

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

/** Trouble in one part of a screen: what happened, what to do, and the number to tell support. A page that shows nothing else has it under its name. */
export function Trouble({ error, retry, what, page }: { error: unknown; retry?: () => void; what: string; page?: string }) {
  const id = error instanceof Problem ? error.requestId : null;
  const trouble = (
    <div className={css.trouble} role="alert">
      <p><strong>{what} could not be read.</strong> <Why error={error} /></p>
      <p className={css.row}>
        {retry && <Button variant="default" onClick={retry}>Try again</Button>}
        {id && <span className="label">Request <code>{id}</code></span>}
      </p>
    </div>
  );
  return page ? <div className={css.page}><h1 className="h1">{page}</h1>{trouble}</div> : trouble;
}

/** Says that what is shown is the last that was read, and offers another try. */
export function NotCurrent({ what = 'This list', of }: { what?: string; of: { refetch: () => unknown } }) {
  return <p role="status"><strong>{what} is not current:</strong> the last answer failed. <button type="button" className="link" onClick={() => void of.refetch()}>Try again</button></p>;
}

/** A placeholder of the final size. */
export function Ghost({ width, height }: { width: number | string; height?: number }) {
  return <span className="ghost" style={{ width, height }} aria-hidden />;
}

/** Says that something loads. A page that shows nothing else yet is named, so that a reader knows where it is. */
export function Loading({ what, page }: { what: string; page?: string }) {
  return <>{page && <h1 className="sr-only">{page}</h1>}<p className="sr-only" role="status">Loading {what}…</p></>;
}
