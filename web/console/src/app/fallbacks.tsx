import { Link } from '@tanstack/react-router';
import { Button } from '@mantine/core';
import { Problem, words } from '../api/problem';
import { LogoMark } from '../ui/Logo';
import { Empty } from '../ui/states';

export function NotFound() {
  return (
    <main>
      <Empty page title="There is no such page" action={<Link className="link" to="/fleet">Go to the fleet</Link>}>
        The address may be mistyped, or the page is of a later version.
      </Empty>
    </main>
  );
}

/** A failure that no screen caught: usually the server cannot be reached, or a new version was installed meanwhile. */
export function Broken({ error }: { error: unknown }) {
  const unreachable = error instanceof Problem;
  return (
    <main role="alert">
      <Empty
        page
        title={unreachable ? 'The console cannot start' : 'This page failed'}
        action={<Button onClick={() => location.reload()}>Reload</Button>}
      >
        {words(error)}
      </Empty>
    </main>
  );
}

export function Starting() {
  return (
    <main aria-busy="true" style={{ display: 'grid', placeItems: 'center', minHeight: '60vh', color: 'var(--c-mark)' }}>
      <LogoMark size={40} />
      <p className="sr-only" role="status">Loading…</p>
    </main>
  );
}
