import { Component, type ComponentProps, type ComponentType, lazy, type ReactNode } from 'react';
import { Button } from './Button';
import css from './states.module.css';

/** What has not come, as opposed to what came and failed. */
export class Missing extends Error {}

// As React's own `lazy` has it: with `never` or `unknown` no component fits.
// oxlint-disable-next-line typescript/no-explicit-any
type Any = ComponentType<any>;

interface Options<C extends Any> {
  /** Stands in the place of what has not come; without it a sentence does, on the screen and on paper. */
  instead?: (props: ComponentProps<C>) => ReactNode;
}

/**
 * A part of a screen that is fetched when it is first wanted, as by React's `lazy`. When it does not come, because the server cannot be
 * reached or has another version by now, the screen around it stays with all that was entered, and says so. Only a reload fetches it
 * anew: Chromium remembers for as long as a page lives that a module did not come.
 */
export function part<C extends Any>(load: () => Promise<{ default: C }>, { instead }: Options<C> = {}): ComponentType<ComponentProps<C>> {
  const Loaded: Any = lazy(() => load().catch((cause: unknown) => { throw new Missing('a part of the page has not come', { cause }); }));
  return function Part(props: ComponentProps<C>) {
    return <Boundary instead={instead ? () => instead(props) : missing}><Loaded {...props} /></Boundary>;
  };
}

/** Nobody takes a page for whole that is not: missing.ts asks for it. */
const missing = () => <p data-missing>A part of this page has not come.</p>;

interface BoundaryProps {
  instead: () => ReactNode;
  children: ReactNode;
}

class Boundary extends Component<BoundaryProps, { error: unknown; seen: boolean }> {
  override state = { error: null, seen: false };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  private readonly later = () => this.setState({ seen: true });

  override render() {
    const { error, seen } = this.state;
    if (error === null) return this.props.children;
    if (!((error as unknown) instanceof Missing)) throw error; // for whoever shows failures
    return <>{this.props.instead()}{!seen && <Notice later={this.later} />}</>;
  }
}

function Notice({ later }: { later: () => void }) {
  return (
    <div className={css.part} role="alert" data-screen>
      <p>A part of this page has not come: the server could not be reached, or has a new version by now. A reload fetches it. What you entered is still here; finish or note it first, since a reload may lose it.</p>
      <div className={css.row}>
        <Button size="compact-sm" onClick={() => location.reload()}>Reload the page</Button>
        <Button size="compact-sm" variant="default" onClick={later}>Later</Button>
      </div>
    </div>
  );
}
