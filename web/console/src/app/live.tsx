import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { api } from '../api/client';
import { isSignedOut } from '../api/problem';
import type { AlarmRow, PumpRow } from '../api/types';
import type { AlarmCounts } from '../feed/alarmbook';
import { Link, type Socket, type Status } from '../feed/link';
import { Sync } from '../feed/sync';
import { useClock } from '../units/clock';

/** The live fleet of one signed-in person: rows, alarms, and the state of the feed that keeps them current. */
export interface Live {
  readonly sync: Sync;
  readonly link: Link;
}

export function createLive(onScope: () => void): Live {
  const sync = new Sync(
    { pumps: api.pumps, alarms: (before) => api.alarms({ state: 'active', limit: 5000, ...(before ? { before } : {}) }) },
    (err) => link.trouble(err),
    onScope,
  );
  const link = new Link(sync, {
    open: (epoch, rev, aseq) => {
      const url = new URL('/api/v1/live', location.href);
      url.protocol = url.protocol.replace('http', 'ws');
      url.searchParams.set('epoch', epoch);
      url.searchParams.set('rev', String(rev));
      if (aseq !== null) url.searchParams.set('aseq', String(aseq));
      return new WebSocket(url) as unknown as Socket;
    },
    now: () => Date.now(),
    random: () => Math.random(),
    signedIn: () => api.me().then(() => 'yes' as const, (err) => (isSignedOut(err) ? 'no' as const : 'unknown' as const)),
    isSignedOut,
  });
  return { sync, link };
}

/** Feeds that end sooner than this after one another wait before the next. */
const SOON_MS = 10_000;

export const LiveContext = createContext<Live | null>(null);

/**
 * Runs the feed for as long as it is mounted. Give it a `key` per person. `onScope` may not change. A feed ends with its session;
 * when `onSignedOut` says that the person has another, the feed begins anew in place, and what is open and typed stays.
 * `visit` is the pump that the session is locked to: where one begins or ends, all is read again.
 */
export function LiveProvider({ children, visit, onSignedOut, onScope }: { children: ReactNode; visit: string | null; onSignedOut: () => Promise<boolean>; onScope: () => void }) {
  const [live] = useState(() => createLive(onScope));
  useEffect(() => {
    const { link } = live;
    link.start();
    const wake = () => {
      if (document.visibilityState === 'visible') link.wake();
    };
    document.addEventListener('visibilitychange', wake);
    window.addEventListener('pageshow', wake);
    window.addEventListener('online', wake);
    let begun = -Infinity;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const begin = () => {
      // Another session may see other things.
      live.sync.doubt();
      link.start();
    };
    const off = link.subscribe(() => {
      if (link.status().phase !== 'signed-out') return;
      void onSignedOut().then((another) => {
        if (!another || gone) return;
        // A server that ends feeds but not the session is not to be stormed.
        const soon = performance.now() - begun < SOON_MS;
        begun = performance.now();
        timer = setTimeout(begin, soon ? SOON_MS / 2 : 0);
      });
    });
    return () => {
      gone = true;
      clearTimeout(timer);
      off();
      document.removeEventListener('visibilitychange', wake);
      window.removeEventListener('pageshow', wake);
      window.removeEventListener('online', wake);
      link.stop();
    };
  }, [live, onSignedOut]);
  const read = useRef(visit);
  useEffect(() => {
    if (read.current === visit) return;
    read.current = visit;
    live.sync.renew();
  }, [live, visit]);
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLive outside LiveProvider');
  return live;
}

export function useFeed(): Status {
  const { link } = useLive();
  return useSyncExternalStore(link.subscribe, link.status);
}

/** How long the page may be without frames before it says so; the beat comes every 2 s. */
const GRACE_MS = 3000;

/**
 * Local time since which the page is not live, or null while it is. A break shorter than the grace is not shown: nothing on
 * the page is older than it would be between two beats.
 */
export function useNotLiveSince(): number | null {
  const { since } = useFeed();
  const shown = useClock(() => since !== null && Date.now() - since > GRACE_MS);
  return shown ? since : null;
}

export function usePump(id: string): PumpRow | undefined {
  const { pumps } = useLive().sync;
  const [subscribe, read] = useMemo(() => [(f: () => void) => pumps.subscribeRow(id, f), () => pumps.get(id)] as const, [pumps, id]);
  return useSyncExternalStore(subscribe, read);
}

/** Whom a pump is in, as it is now: its reference, null if in nobody; undefined while the pump is not known. */
export function usePatient(pump: string): string | null | undefined {
  const { pumps } = useLive().sync;
  const subscribe = useMemo(() => (f: () => void) => pumps.subscribeRow(pump, f), [pumps, pump]);
  return useSyncExternalStore(subscribe, () => pumps.get(pump)?.patient);
}

export function useAlarmCounts(): AlarmCounts {
  const { alarms } = useLive().sync;
  return useSyncExternalStore(alarms.subscribe, alarms.counts);
}

export function useActiveAlarms(): readonly AlarmRow[] {
  const { alarms } = useLive().sync;
  return useSyncExternalStore(alarms.subscribe, alarms.list);
}

export function usePumpAlarms(pump: string): readonly AlarmRow[] {
  const { alarms } = useLive().sync;
  return useSyncExternalStore(alarms.subscribe, () => alarms.ofPump(pump));
}

/** Whether the feed has given the fleet and its alarms, or has said why it cannot: what depends on it can be shown. */
export function useFeedSettled(): boolean {
  const { alarms } = useLive().sync;
  const { trouble, attempt } = useFeed();
  const checked = useSyncExternalStore(alarms.subscribe, () => alarms.checkedAt !== null);
  return checked || trouble !== null || attempt > 0;
}

/** A list of alarms may only say "none" when it was known to be complete less than this long ago. */
export const CHECK_MS = 30_000;

/** Server time of the last complete check, and whether it is recent enough to say "none". */
export function useAlarmCheck(): { at: number | null; recent: boolean } {
  const { alarms } = useLive().sync;
  const at = useSyncExternalStore(alarms.subscribe, () => alarms.checkedAt);
  const recent = useClock((now) => at !== null && now - at < CHECK_MS);
  return { at, recent };
}
