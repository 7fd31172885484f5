import { type ComponentProps, Suspense } from 'react';
import { part } from './part';

const Sheet = part(() => import('./SideSheet'));

/** A sheet at the side of the page for one thing of a list (SideSheet.tsx), in a part of its own. */
export function Side(props: ComponentProps<typeof Sheet>) {
  return <Suspense><Sheet {...props} /></Suspense>;
}
