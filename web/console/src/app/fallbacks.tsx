import { Link } from '@tanstack/react-router';
import { createContext, type ReactNode, useContext } from 'react';
import { Problem, words } from '../api/problem';
import { Button } from '../ui/Button';
import { LogoMark } from '../ui/Logo';
import { Empty } from '../ui/states';
import { useTitle } from './useTitle';

/** True within the frame, whose <main> holds every screen. */
export const Framed = createContext(false);

/** A page has one <main>: the frame's where there is a frame, else this one. */
function Body({ children }: { children: ReactNode }) {
  return useContext(Framed) ? children : <main>{children}</main>;
}

/** Outside of the frame: nobody knows yet who is there. */
export function NotFound() {
  return <main><Nowhere /></main>;
}

/** In the frame, so that every other place stays within reach. */
export function Nowhere() {
  useTitle('No such page');
  return (
    <Empty page title="There is no such page" action={<Link className="link" to="/" search={{}}>Go to the start</Link>}>
      The address may be mistyped, or the page is of another version.
    </Empty>
  );
}

/** A failure that no screen caught: usually the server cannot be reached, or a new version was installed meanwhile. */
export function Broken({ error }: { error: unknown }) {
  const unreachable = error instanceof Problem;
  return (
    <Body>
      <div role="alert">
        <Empty
          page
          title={unreachable ? 'The console cannot start' : 'This page failed'}
          action={<Button onClick={() => location.reload()}>Reload</Button>}
        >
          {words(error)}
        </Empty>
      </div>
    </Body>
  );
}

export function Starting() {
  return (
    <Body>
      <div style={{ display: 'grid', placeItems: 'center', minHeight: '60vh', color: 'var(--c-mark)' }}>
        <LogoMark size={40} />
        <div className="sr-only" role="status"><h1>Loading…</h1></div>
      </div>
    </Body>
  );
}
