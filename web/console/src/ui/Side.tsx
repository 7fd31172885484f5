import { type ComponentProps, lazy, Suspense } from 'react';

const Sheet = lazy(() => import('./SideSheet'));

/** A sheet at the side of the page for one thing of a list (SideSheet.tsx), in a part of its own. */
export function Side(props: ComponentProps<typeof Sheet>) {
  return <Suspense><Sheet {...props} /></Suspense>;
}
