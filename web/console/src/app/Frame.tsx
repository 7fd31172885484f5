import { useMantineColorScheme } from '@mantine/core';
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useRouter } from '@tanstack/react-router';
import { Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { AccountBanner } from '../session/AccountBanner';
import { sessionEnded } from '../session/leave';
import { sessionQuery } from '../session/session';
import { SessionGuard } from '../session/SessionGuard';
import { hasAnyRole } from '../session/session';
import { useMe } from '../session/useMe';
import { VisitBanner } from '../session/VisitBanner';
import { prefetchDialogs } from '../ui/Dialog';
import { Icon } from '../ui/Icon';
import { LogoMark } from '../ui/Logo';
import { part } from '../ui/part';
import { OrderWatch } from '../orders/OrderWatch';
import { AlarmAnnouncer } from './AlarmAnnouncer';
import { AlarmCounters } from './AlarmCounters';
import type { CommandContext } from './commands';
import { Framed } from './fallbacks';
import { FeedBanner, FeedPill } from './FeedState';
import css from './Frame.module.css';
import { KeysAhead } from './keysAhead';
import { LiveProvider } from './live';
import { placesOf } from './nav';
import { Rail, ThumbBar, toggleRail } from './Nav';
import { PaperHead } from './PaperHead';
import { setShortcuts, shortcutsOn, usePair, useShortcut } from './shortcuts';
import { UserMenu } from './UserMenu';
import { WallClock } from './WallClock';

const Asked = part(() => import('../oncall/Asked'));
const ExactTimes = part(() => import('../ui/ExactTimes'), { instead: () => null });
const palette = () => import('./Palette');
// In the bar above the page is no place for a sentence, and the page is whole without them.
const Palette = part(palette, { instead: () => null });
/** How long after the first screen the palette is fetched: whoever calls it wants it at once. */
const PREFETCH_MS = 1000;
const ShortcutList = part(() => import('./ShortcutList'), { instead: () => null });

/** The frame around every screen of a signed-in person: where one is, what alarms, and whether it is live. */
export function Frame() {
  const me = useMe();
  const router = useRouter();
  const queries = useQueryClient();
  const onSignedOut = useCallback(() => sessionEnded(queries, router), [queries, router]);
  const onScope = useCallback(() => void queries.fetchQuery({ ...sessionQuery, staleTime: 0 }).catch(() => {}), [queries]);
  const visit = me.visit?.pump ?? null;
  useVisit(queries, visit);
  // Only another person gets another frame: whatever else happens to a session, what is typed in it stays.
  return (
    <LiveProvider key={me.id} visit={visit} onSignedOut={onSignedOut} onScope={onScope}>
      <a className="skip" href="#main">Skip to the content</a>
      <div className={css.frame}>
        <Rail me={me} />
        <div className={css.body}>
          <TopBar />
          <FeedBanner />
          {me.visit && <VisitBanner visit={me.visit} />}
          <AccountBanner me={me} />
          <PaperHead me={me} />
          <main id="main" className={css.main} tabIndex={-1}>
            {hasAnyRole(me, ['verifier', 'pharmacist']) && <Suspense><Asked /></Suspense>}
            <Framed value><Outlet /></Framed>
            <Suspense><ExactTimes /></Suspense>
          </main>
        </div>
        <ThumbBar me={me} />
      </div>
      <AlarmAnnouncer />
      <OrderWatch />
      <SessionGuard me={me} />
    </LiveProvider>
  );
}

/** A visit narrows what there is. What was read before one begins is forgotten; when it ends, all is read again. */
function useVisit(queries: QueryClient, visit: string | null) {
  const read = useRef(visit);
  useEffect(() => {
    if (read.current === visit) return;
    read.current = visit;
    const predicate = (q: { queryKey: readonly unknown[] }) => q.queryKey[0] !== sessionQuery.queryKey[0];
    void (visit === null ? queries.invalidateQueries({ predicate }) : queries.resetQueries({ predicate }));
  }, [queries, visit]);
}

type Open = 'palette' | 'shortcuts' | null;

function TopBar() {
  const me = useMe();
  const router = useRouter();
  const { setColorScheme } = useMantineColorScheme();
  const [open, setOpen] = useState<Open>(null);
  const [ahead] = useState(() => new KeysAhead());
  const close = useCallback(() => setOpen(null), []);
  const call = useCallback(() => {
    ahead.start(close);
    setOpen('palette');
  }, [ahead, close]);
  useEffect(() => {
    if (open !== 'palette') ahead.stop();
  }, [open, ahead]);
  useEffect(() => () => ahead.stop(), [ahead]);
  const showShortcuts = useCallback(() => setOpen('shortcuts'), []);
  const context = useMemo((): CommandContext => ({
    setTheme: setColorScheme, showShortcuts, toggleRail,
    toggleShortcuts: () => setShortcuts(!shortcutsOn()),
    print: () => setTimeout(() => window.print(), 100),
  }), [setColorScheme, showShortcuts]);

  useEffect(() => {
    // With Ctrl it is no single key: it works from everywhere but a dialog.
    const down = (e: KeyboardEvent) => {
      if (e.key.toLowerCase() !== 'k' || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return;
      e.preventDefault();
      if (!(e.target as HTMLElement | null)?.closest('[role="dialog"]')) call();
    };
    document.addEventListener('keydown', down);
    return () => document.removeEventListener('keydown', down);
  }, [call]);
  useEffect(() => {
    const timer = setTimeout(() => {
      void palette().catch(() => {});
      prefetchDialogs();
    }, PREFETCH_MS);
    return () => clearTimeout(timer);
  }, []);
  useShortcut('?', showShortcuts);
  const go = useCallback((key: string) => {
    const place = placesOf(me).find((p) => p.key === key);
    if (place) void router.navigate({ to: place.to, search: {} });
    return place !== undefined;
  }, [me, router]);
  usePair('g', go);

  return (
    <header className={css.bar}>
      <Link to="/" search={{}} className={css.brand} aria-label="Cisterna, to the start"><LogoMark size={28} /></Link>
      <button type="button" className={css.search} aria-keyshortcuts="Control+K" aria-haspopup="dialog" onClick={call}>
        <Icon name="search" />
        <span className={css.searchWord}>Search or go to</span>
        <kbd className={css.kbd}>Ctrl K</kbd>
      </button>
      <div className={css.state}>
        {/* First, so that its changing words push nothing away. */}
        <FeedPill />
        <AlarmCounters />
        <WallClock />
        <UserMenu me={me} />
      </div>
      <Suspense>
        {open === 'palette' && <Palette context={context} ahead={ahead} onClose={close} />}
        {open === 'shortcuts' && <ShortcutList onClose={close} />}
      </Suspense>
    </header>
  );
}
