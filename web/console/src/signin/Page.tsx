import type { ReactNode } from 'react';
import { Wordmark } from '../ui/Logo';
import { Pool } from './Pool';
import css from './SignIn.module.css';

/** The page of people who are not in yet. */
export function DoorPage({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <div className={css.page}>
      <div className={css.art} aria-hidden><Pool /></div>
      <main className={css.main}>
        <div className={css.column}>
          <header className={css.head}>
            {title === undefined ? <h1><Wordmark size={32} /></h1> : <><Wordmark size={32} /><h1 className="h1">{title}</h1></>}
            {title === undefined && <p className={css.line}>Intrathecal pumps, watched.</p>}
          </header>
          {children}
        </div>
      </main>
    </div>
  );
}
