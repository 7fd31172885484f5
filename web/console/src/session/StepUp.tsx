import { Suspense, useEffect, useState } from 'react';
import { gates, type StepUpAsk } from '../api/gates';
import { cancelled } from './cancelled';
import { part } from '../ui/part';

const StepUpDialog = part(() => import('./StepUpDialog'));

interface Waiting {
  readonly ask: StepUpAsk;
  readonly done: (header: string) => void;
  readonly fail: (why: Error) => void;
}

/** Asks people to sign for what they are about to do. One stands at the root of the page. */
export function StepUpHost() {
  const [queue, setQueue] = useState<readonly Waiting[]>([]);
  useEffect(() => {
    const gate = (ask: StepUpAsk) => new Promise<string>((done, fail) => setQueue((q) => [...q, { ask, done, fail }]));
    gates.stepUp = gate;
    return () => {
      if (gates.stepUp === gate) delete gates.stepUp;
    };
  }, []);
  const first = queue[0];
  if (!first) return null;
  // Only this one: a signature that comes after it was cancelled is not for the next.
  const next = () => setQueue((q) => q.filter((w) => w !== first));
  // In a section the head of a dialog is not taken for that of the page.
  return (
    <section>
      <Suspense>
        <StepUpDialog
          key={first.ask.nonce} ask={first.ask}
          onSigned={(header) => { next(); first.done(header); }}
          onCancel={() => { next(); first.fail(cancelled()); }}
        />
      </Suspense>
    </section>
  );
}
