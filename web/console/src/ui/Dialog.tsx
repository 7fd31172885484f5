import { Suspense } from 'react';
import type { DialogProps } from './DialogSheet';
import { part } from './part';

const load = () => import('./DialogSheet');
const Sheet = part(load);

/** A dialog for as long as it is mounted (DialogSheet.tsx). It comes in a part of its own, so that no first page waits for dialogs that nobody has opened. */
export function Dialog(props: DialogProps) {
  return <Suspense><Sheet {...props} /></Suspense>;
}

/** Fetches what dialogs are made of, before the network may be gone. */
export const prefetchDialogs = () => void load().catch(() => {});
